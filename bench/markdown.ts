/** Figures and tables in Markdown. */
import { isMeasured, isReached, type Judged } from './goals.js';

/** Three digits are all that a benchmark can stand for. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

/** From this share of a core on, a figure may be the load client's rather than the server's. */
const clientLimit = 0.9;

/** CPU of the load client, in cores; one that may have been the bottleneck is said to be. */
export function clientLoad(cores: number): string {
  return cores >= clientLimit ? `${figure(cores)} (**at the load client's limit**)` : figure(cores);
}

/** The first column is text, all others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** The empty text when no goal was measured. */
export function goalTable(goals: readonly Judged[]): string {
  if (goals.every((goal) => !isMeasured(goal))) return '';
  return table(
    ['shape', 'against', 'wanted', 'measured', ''],
    goals.map((goal) => [
      goal.title,
      goal.against,
      `${goal.bound} ${withUnit(goal.limit.toLocaleString('en-US'), goal.unit)}`,
      isMeasured(goal) ? withUnit(figure(goal.figure), goal.unit) : '-',
      verdict(goal),
    ]),
  );
}

function verdict(goal: Judged): string {
  if (!isMeasured(goal)) return 'not measured';
  return isReached(goal) ? 'reached' : '**not reached**';
}

function withUnit(value: string, unit: string): string {
  return unit === 'x' ? `${value}x` : `${value} ${unit}`;
}
