/** Outcomes in words: a line per run, and the table of figures in this folder's README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { faults } from './check/evidence.js';
import type { Outcome } from './run.js';

export function passed({ violations, failure }: Outcome): boolean {
  return violations.length === 0 && failure === null;
}

export function lineOf(outcome: Outcome): string {
  const { nemesis, seed, figures, seconds, failure, violations, late, history } = outcome;
  const wrong = faults.flatMap((fault) => (figures.wrong[fault] > 0 ? [`${fault} ${figures.wrong[fault]}`] : []));
  const first = figures.firstAckMs === null ? '' : `, first ack ${figures.firstAckMs} ms after a start`;
  const lines = [
    `${passed(outcome) ? '✔' : '✘'} ${nemesis} (seed ${seed}, ${seconds} s): ${figures.acked} acked, ` +
      `${wrong.length === 0 ? 'nothing wrong' : wrong.join(', ')}, silence ${figures.silenceMs} ms, take-over ${figures.takeOverMs} ms, ` +
      `late delivery ${figures.lateMs} ms${first}, ${figures.refused} refused, ${figures.unanswered} unanswered, ${figures.reconnects} reconnects`,
    ...late.map((text) => `    late: ${text}`),
    ...(failure === null ? [] : [`    broke off: ${failure}`]),
    ...violations.slice(0, 10).map(({ law, fault, room, detail }) => `    law ${law}, ${fault}, ${room}: ${detail}`),
    ...(violations.length > 10 ? [`    and ${violations.length - 10} more`] : []),
    ...(passed(outcome) ? [] : [`    history: ${history}`]),
  ];
  return lines.join('\n');
}

const columns = [
  'nemesis',
  'runs',
  'seeds',
  'acked',
  ...faults,
  'silence ms',
  'take-over ms',
  'late delivery ms',
  'first ack ms',
] as const;
const begin = '<!-- figures: written by the runner -->';
const end = '<!-- end of figures -->';

function rowOf(nemesis: string, outcomes: readonly Outcome[]): string {
  const seeds = outcomes.map(({ seed }) => seed);
  const [low, high] = [Math.min(...seeds), Math.max(...seeds)];
  const sum = (value: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + value(one), 0);
  const most = (value: (outcome: Outcome) => number): string => Math.max(...outcomes.map(value)).toLocaleString('en');
  const broken = outcomes.filter(({ failure }) => failure !== null).length;
  const firsts = outcomes.flatMap(({ figures }) => figures.firstAckMs ?? []);
  const cells = [
    nemesis,
    broken === 0 ? outcomes.length : `${outcomes.length} (${broken} broke off)`,
    low === high ? low : `${low}–${high}`,
    sum(({ figures }) => figures.acked).toLocaleString('en'),
    ...faults.map((fault) => sum(({ figures }) => figures.wrong[fault])),
    most(({ figures }) => figures.silenceMs),
    most(({ figures }) => figures.takeOverMs),
    most(({ figures }) => figures.lateMs),
    firsts.length === 0 ? '' : Math.max(...firsts).toLocaleString('en'),
  ];
  return `| ${cells.join(' | ')} |`;
}

/**
 * Puts the outcomes into the table: rows of nemeses that were not run stay as they are.
 * @param order all nemeses by name, as the table lists them
 */
export function writeTable(path: string, outcomes: readonly Outcome[], order: readonly string[]): void {
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for the figures`);
  const rows = new Map<string, string>();
  for (const line of text.slice(from, to).split('\n')) {
    const name = /^\| ([a-z][a-z-]*) \|/.exec(line)?.[1];
    if (name !== undefined && order.includes(name)) rows.set(name, line);
  }
  for (const nemesis of new Set(outcomes.map((one) => one.nemesis)))
    rows.set(
      nemesis,
      rowOf(
        nemesis,
        outcomes.filter((one) => one.nemesis === nemesis),
      ),
    );
  const table = [
    `| ${columns.join(' | ')} |`,
    `|${columns.map((name) => (name === 'nemesis' ? '---' : '--:')).join('|')}|`,
    ...order.flatMap((name) => rows.get(name) ?? []),
  ];
  // Times mean nothing without the machine: beside other work a process alone takes seconds to start.
  const [, load = 0] = loadavg();
  const machine = `Last written on ${availableParallelism()} cores at a load of ${load.toFixed(1)} (the run's own included), Node ${process.version}.`;
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${table.join('\n')}\n\n${machine}\n\n${text.slice(to)}`);
}
