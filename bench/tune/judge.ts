/** Whether one setting is better than another, where every measurement is noisy. Pure. */
import { median } from '../results.js';

/** Names and values of environment variables. */
export type Settings = Readonly<Record<string, string>>;

/** What one measurement of a setting gave. */
export interface Sample {
  /** The geometric mean over the loads, of messages acked per second. */
  readonly rate: number;
  /** The worst over the loads, ms. */
  readonly p99: number;
}

/** One round: the base at both ends, so that a round shows its own noise, and the candidates between. */
export interface Round {
  readonly base: readonly [Sample, Sample];
  /** In the order of the stage's candidates. */
  readonly candidates: readonly Sample[];
}

export interface Verdict {
  /** The median of the rounds' own ratios to the base. */
  readonly gain: number;
  /** The ratios themselves. */
  readonly ratios: readonly number[];
  readonly p99: number;
  readonly rate: number;
  /** More than the noise, and better in every round. */
  readonly better: boolean;
}

/** The largest difference between two measurements of the same setting in one round, as a share. */
export function noiseOf(rounds: readonly Round[]): number {
  return Math.max(0, ...rounds.map(({ base: [first, last] }) => Math.abs(Math.log(last.rate / first.rate))));
}

/** Judges a stage's candidate by its place. */
export function judge(rounds: readonly Round[], candidate: number, noise: number): Verdict {
  const samples = rounds.flatMap((round) => round.candidates[candidate] ?? []);
  const ratios = rounds.flatMap(({ base: [first, last], candidates }) => {
    const sample = candidates[candidate];
    return sample === undefined ? [] : [sample.rate / Math.sqrt(first.rate * last.rate)];
  });
  const gain = median(ratios);
  return {
    gain,
    ratios,
    p99: median(samples.map(({ p99 }) => p99)),
    rate: median(samples.map(({ rate }) => rate)),
    better: Math.log(gain) > noise && ratios.every((ratio) => ratio > 1),
  };
}
