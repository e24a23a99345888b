/** What the rounds of an open loop say. */
import { faultsOf } from '../closed/round.js';
import type { Validation } from '../load/plan.js';
import { clientLoad, figure, table } from '../markdown.js';
import { subjectNames, subjectTitles, type SubjectName } from '../subjects.js';
import { curve, type Point } from './curve.js';
import type { LatencyRound } from './round.js';

function cell(point: Point | undefined): string {
  if (point === undefined) return '';
  if (point.saturated) return `saturated at ${figure(point.achieved)}/s`;
  return [point.p50, point.p99, point.p999].map(figure).join(' / ');
}

function serverRow(name: SubjectName, rounds: readonly LatencyRound[]): string[] {
  const points = curve(name, rounds);
  const carried = points.findLast(({ saturated }) => !saturated);
  const saturated = points.find((point) => point.saturated);
  const faults = new Set(rounds.flatMap(({ subjects }) => faultLines(subjects[name]?.validation)));
  return [
    subjectTitles[name],
    carried === undefined ? 'none' : `${figure(carried.offered)}/s`,
    saturated === undefined
      ? 'never'
      : `${figure(saturated.achieved)} of ${figure(saturated.offered)}/s${saturated.refused > 0 ? `, ${saturated.refused} refused` : ''}`,
    carried === undefined ? '-' : `${figure(carried.lag)} ms`,
    carried === undefined
      ? '-'
      : `${figure(carried.serverCpu)} / ${figure(carried.databaseCpu)} / ${clientLoad(carried.clientCpu)}`,
    faults.size === 0 ? 'all correct' : [...faults].join('; '),
  ];
}

function faultLines(validation: Validation | undefined): readonly string[] {
  const fault = validation === undefined ? null : faultsOf(validation);
  return fault === null ? [] : [fault];
}

export function latencyTables(rounds: readonly LatencyRound[]): string {
  const present = subjectNames.filter((name) => rounds.some(({ subjects }) => subjects[name] !== undefined));
  const curves = present.map((name) => curve(name, rounds));
  const rates = [...new Set(curves.flatMap((points) => points.map(({ offered }) => offered)))].sort((a, b) => a - b);
  const latencies = table(
    ['offered', ...present.map((name) => subjectTitles[name])],
    rates.map((rate) => [
      `${figure(rate)}/s`,
      ...curves.map((points) => cell(points.find(({ offered }) => offered === rate))),
    ]),
  );
  const servers = table(
    [
      'server',
      'carried',
      'acked when saturated',
      'p99 of the load client itself',
      'CPU: server / database / client',
      'validation',
    ],
    present.map((name) => serverRow(name, rounds)),
  );
  return `ms from the moment at which a message was to be sent to its ack, p50 / p99 / p99.9:\n\n${latencies}\n\nAt the highest rate that each carried:\n\n${servers}`;
}
