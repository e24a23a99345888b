/** Figures and tables in Markdown. */
import { isReached, type Judged } from './goals.js';

/** Three digits are all that a benchmark can stand for. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

/** The first column is text, all others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Goals that were not measured are left out; the empty text when none was. */
export function goalTable(goals: readonly Judged[]): string {
  const measured = goals.filter(({ figure: value }) => !Number.isNaN(value));
  if (measured.length === 0) return '';
  return table(
    ['shape', 'against', 'wanted', 'measured', ''],
    measured.map((goal) => [
      goal.title,
      goal.against,
      `${goal.bound} ${withUnit(goal.limit.toLocaleString('en-US'), goal.unit)}`,
      withUnit(figure(goal.figure), goal.unit),
      isReached(goal) ? 'reached' : '**not reached**',
    ]),
  );
}

function withUnit(value: string, unit: string): string {
  return unit === 'x' ? `${value}x` : `${value} ${unit}`;
}
