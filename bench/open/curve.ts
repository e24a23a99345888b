/** A server's curve over all rounds: at each offered rate the median of the rounds that measured it. */
import { median } from '../results.js';
import type { SubjectName } from '../subjects.js';
import type { LatencyRound, MeasuredStep } from './round.js';

export interface Point {
  readonly offered: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly achieved: number;
  /** p99 of the load client's own delay, ms. */
  readonly lag: number;
  readonly clientCpu: number;
  readonly serverCpu: number;
  readonly databaseCpu: number;
  readonly refused: number;
  /** In the most of its rounds. */
  readonly saturated: boolean;
}

/** By rising rates; nothing beyond the first saturated point, which some round may have passed. */
export function curve(name: SubjectName, rounds: readonly LatencyRound[]): readonly Point[] {
  // Of a rate that was tried twice in a round, the second attempt counts.
  const steps = rounds.flatMap(({ subjects }) => [
    ...new Map((subjects[name]?.steps ?? []).map((step) => [step.offered, step])).values(),
  ]);
  const rates = [...new Set(steps.map(({ offered }) => offered))].sort((a, b) => a - b);
  const points = rates.map((offered) =>
    point(
      offered,
      steps.filter((step) => step.offered === offered),
    ),
  );
  const end = points.findIndex(({ saturated }) => saturated);
  return end < 0 ? points : points.slice(0, end + 1);
}

function point(offered: number, steps: readonly MeasuredStep[]): Point {
  const of = (value: (step: MeasuredStep) => number | null) => median(steps.map((step) => value(step) ?? NaN));
  return {
    offered,
    p50: of(({ latency }) => latency.p50),
    p99: of(({ latency }) => latency.p99),
    p999: of(({ latency }) => latency.p999),
    achieved: of(({ acked, windowMs }) => (acked / windowMs) * 1000),
    lag: of(({ lag }) => lag.p99),
    clientCpu: of(({ clientCpu }) => clientCpu),
    serverCpu: of(({ serverCpu }) => serverCpu),
    databaseCpu: of(({ databaseCpu }) => databaseCpu),
    refused: steps.reduce((sum, { refused }) => sum + refused, 0),
    saturated: steps.filter(({ saturated }) => saturated).length * 2 >= steps.length,
  };
}
