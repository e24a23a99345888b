/**
 * The table of figures in this folder's README, made of the recorded runs. Violations are counted over all of them. Times mean
 * nothing on a machine that is busy with something else, so they are those of the quiet runs, where there are any.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { faults } from './check/evidence.js';
import type { RunRecord } from './records.js';

const columns = [
  'nemesis',
  'runs',
  'seeds',
  'acked',
  'least in a run',
  ...faults,
  'load',
  'timed runs',
  'silence ms',
  'take-over ms',
  'late delivery ms',
  'first ack ms',
] as const;
const begin = '<!-- figures: written by the runner -->';
const end = '<!-- end of figures -->';

/** A run by itself keeps a machine busy up to about here, per core. */
const quietLoad = 2.5;

function rowOf(nemesis: string, runs: readonly RunRecord[]): string {
  const sum = (value: (run: RunRecord) => number): number => runs.reduce((total, run) => total + value(run), 0);
  const broken = runs.filter(({ failure }) => failure !== null).length;
  const loads = runs.map(({ load }) => load);
  const quiet = runs.filter(({ load, cores }) => load <= quietLoad * cores);
  const timed = quiet.length > 0 ? quiet : runs;
  const time = (value: (run: RunRecord) => number | null): string => middle(timed.flatMap((run) => value(run) ?? []));
  const cells = [
    nemesis,
    broken === 0 ? runs.length : `${runs.length} (${broken} broke off)`,
    ranges(runs.map(({ seed }) => seed)),
    sum(({ acked }) => acked).toLocaleString('en'),
    Math.min(...runs.map(({ acked }) => acked)).toLocaleString('en'),
    ...faults.map((fault) => sum(({ wrong }) => wrong[fault] ?? 0)),
    `${Math.min(...loads)}–${Math.max(...loads)}`,
    quiet.length > 0 ? quiet.length : `${runs.length}, none quiet`,
    time(({ silenceMs }) => silenceMs),
    time(({ takeOverMs }) => takeOverMs),
    time(({ lateMs }) => lateMs),
    time(({ firstAckMs }) => firstAckMs),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** `median (highest)`; only the one when there is no other. */
function middle(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [median, highest] = [sorted[sorted.length >> 1], sorted.at(-1)];
  if (median === undefined || highest === undefined) return '';
  const text = median.toLocaleString('en');
  return sorted.length === 1 ? text : `${text} (${highest.toLocaleString('en')})`;
}

/** `200, 301–306` */
function ranges(numbers: readonly number[]): string {
  const parts: [from: number, to: number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(', ');
}

/** @param order all nemeses by name, as the table lists them; runs of others are left out */
export function tableOf(records: readonly RunRecord[], order: readonly string[]): string {
  const rows = order.flatMap((nemesis) => {
    const runs = records.filter((record) => record.nemesis === nemesis);
    return runs.length === 0 ? [] : [rowOf(nemesis, runs)];
  });
  const commits = [...new Set(records.map(({ commit }) => commit))];
  const cores = [...new Set(records.map((record) => record.cores))];
  return [
    `| ${columns.join(' | ')} |`,
    `|${columns.map((name) => (name === 'nemesis' ? '---' : '--:')).join('|')}|`,
    ...rows,
    '',
    `${records.length} runs on ${cores.join(' or ')} cores, of the commits ${commits.join(', ')}.`,
  ].join('\n');
}

/** Puts the table into its place. */
export function writeTable(path: string, records: readonly RunRecord[], order: readonly string[]): void {
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for the figures`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${tableOf(records, order)}\n\n${text.slice(to)}`);
}
