/** Rounds of cases that compare the service with itself: other settings, another load, or something changed beneath it. */
import { inOrder, type Context } from '../case.js';
import { faultsOf } from '../closed/round.js';
import { ackedRate } from '../closed/shapes.js';
import { median, type Measured } from '../results.js';

/** One way to run the service. */
export interface Variant {
  readonly name: string;
  readonly measure: (context: Context) => Promise<Measured>;
}

export interface VariantRound {
  /** In the order in which they ran. */
  readonly order: readonly string[];
  readonly variants: Readonly<Record<string, Measured>>;
}

/** Runs all variants of a round, one after the other, in its order. */
export async function measureVariants(context: Context, all: readonly Variant[]): Promise<VariantRound> {
  const order = inOrder(context, all);
  const variants: Record<string, Measured> = {};
  for (const variant of order) {
    const measured = await variant.measure(context);
    variants[variant.name] = measured;
    const rate = String(Math.round(ackedRate(measured))).padStart(7);
    context.say(`${variant.name.padEnd(40)} ${rate} acked/s  ${faultsOf(measured.validation) ?? ''}`);
  }
  return { order: order.map(({ name }) => name), variants };
}

/** The median of the rounds' own ratios of one variant to another; NaN when one of them was not measured. */
export function variantRatio(
  rounds: readonly VariantRound[],
  name: string,
  against: string,
  of: (measured: Measured) => number,
): number {
  return median(
    rounds.flatMap(({ variants }) => {
      const one = variants[name];
      const other = variants[against];
      return one === undefined || other === undefined ? [] : [of(one) / of(other)];
    }),
  );
}

export function variantFaults({ order, variants }: VariantRound): readonly string[] {
  return order.flatMap((name) => {
    const measured = variants[name];
    const fault = measured === undefined ? null : faultsOf(measured.validation);
    return fault === null ? [] : [`${name}: ${fault}`];
  });
}
