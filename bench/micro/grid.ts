/**
 * Cases that measure one part alone: several ways to do the same work beside each other, at several sizes, each in a process
 * of its own. This is their common frame: the order, the ratios, the tables.
 */
import { inOrder, type Context } from '../case.js';
import type { Measurement } from '../child.js';
import { figure, table } from '../markdown.js';
import type { Options } from '../options.js';
import { median } from '../results.js';

/** One way at one size. */
export interface Cell<Variant extends string, Figure extends string> {
  readonly variant: Variant;
  readonly size: number;
  readonly measured: Measurement<Figure>;
}

/** One round. */
export interface Grid<Variant extends string, Figure extends string> {
  /** In the order in which they ran. */
  readonly cells: readonly Cell<Variant, Figure>[];
}

/** How long a cell warms up and is measured: the sizes of a case share the time that other cases spend on a server. */
export function timing({ warmupMs, windowMs }: Options, sizes: readonly number[]): Timing {
  return { warmupMs: Math.ceil(warmupMs / sizes.length), windowMs: Math.ceil(windowMs / sizes.length) };
}

export interface Timing {
  readonly warmupMs: number;
  readonly windowMs: number;
}

/** Measures all cells: the variants of a size follow each other, since only neighbours in time are comparable. */
export async function measureGrid<Variant extends string, Figure extends string>(
  context: Context,
  variants: readonly Variant[],
  sizes: readonly number[],
  measure: (variant: Variant, size: number) => Promise<Measurement<Figure>>,
): Promise<Grid<Variant, Figure>> {
  const cells: Cell<Variant, Figure>[] = [];
  for (const size of sizes)
    for (const variant of inOrder(context, variants))
      cells.push({ variant, size, measured: await measure(variant, size) });
  return { cells };
}

export function gridFaults({ cells }: Grid<string, string>): readonly string[] {
  return cells.flatMap(({ variant, size, measured }) =>
    measured.faults.map((fault) => `${variant} at ${size}: ${fault}`),
  );
}

type Of<Figure extends string> = (measured: Measurement<Figure>) => number;

function at<Variant extends string, Figure extends string>(
  { cells }: Grid<Variant, Figure>,
  variant: Variant,
  size: number,
  of: Of<Figure>,
): number {
  const cell = cells.find((one) => one.variant === variant && one.size === size);
  return cell === undefined ? NaN : of(cell.measured);
}

/** The median of a cell's figure over all rounds; NaN when it was not measured. */
export function middleAt<Variant extends string, Figure extends string>(
  rounds: readonly Grid<Variant, Figure>[],
  variant: Variant,
  size: number,
  of: Of<Figure>,
): number {
  return median(rounds.map((round) => at(round, variant, size, of)).filter((value) => !Number.isNaN(value)));
}

/** The median of the rounds' own ratios of one variant to another. */
export function ratioAt<Variant extends string, Figure extends string>(
  rounds: readonly Grid<Variant, Figure>[],
  [one, other]: readonly [Variant, Variant],
  size: number,
  of: Of<Figure>,
): number {
  const ratios = rounds.map((round) => at(round, one, size, of) / at(round, other, size, of));
  return median(ratios.filter((value) => !Number.isNaN(value)));
}

export function sizesOf(rounds: readonly Grid<string, string>[]): readonly number[] {
  return [...new Set(rounds.flatMap(({ cells }) => cells.map(({ size }) => size)))].sort((a, b) => a - b);
}

/** A row of a table with a column per size. */
export function gridRow(head: string, sizes: readonly number[], value: (size: number) => number): readonly string[] {
  return [head, ...sizes.map((size) => figure(value(size)))];
}

/** @param of what stands in a cell */
export function gridTable<Variant extends string, Figure extends string>(
  rounds: readonly Grid<Variant, Figure>[],
  what: string,
  titles: Readonly<Record<Variant, string>>,
  of: Of<Figure>,
  more: (sizes: readonly number[]) => readonly (readonly string[])[] = () => [],
): string {
  const sizes = sizesOf(rounds);
  const rows = (Object.keys(titles) as Variant[]).map((variant) =>
    gridRow(titles[variant], sizes, (size) => middleAt(rounds, variant, size, of)),
  );
  return table([what, ...sizes.map((size) => size.toLocaleString('en-US'))], [...rows, ...more(sizes)]);
}
