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
/** Between these the runner writes. */
const places = {
  table: ['<!-- figures: written by the runner -->', '<!-- end of figures -->'],
  summary: ['<!-- chaos:begin -->', '<!-- chaos:end -->'],
} as const;

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

/** All of it in two lines. */
export function summaryOf(records: readonly RunRecord[]): string {
  const number = (value: number): string => value.toLocaleString('en');
  const acked = records.reduce((sum, run) => sum + run.acked, 0);
  const counts = faults.map((fault) => records.reduce((sum, { wrong }) => sum + (wrong[fault] ?? 0), 0));
  const found = faults.map((fault, place) => `${fault} ${number(counts[place] ?? 0)}`).join(', ');
  const broken = records.filter(({ failure }) => failure !== null).length;
  const kinds = new Set(records.map(({ nemesis }) => nemesis)).size;
  return [
    `Recorded so far: ${number(records.length)} runs of ${kinds} kinds with ${number(acked)} acked messages${broken === 0 ? '' : ` (${broken} runs broke off)`}.`,
    `Violations: ${found}.`,
  ].join('\n');
}

/** Puts the table or the summary into its place. @throws Error where there is none */
export function writeFigures(path: string, what: keyof typeof places, figures: string): void {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = places[what];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for the figures`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${figures}\n\n${text.slice(to)}`);
}
