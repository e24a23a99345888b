/** The case of the pool: worker threads x shards per worker, under the loads of many senders. */
import { benchCase, type Context } from '../case.js';
import { measure } from '../closed/round.js';
import { shapes, type Shape } from '../closed/shapes.js';
import { measureVariants, variantFaults, type Variant, type VariantRound } from '../variants/round.js';
import { variantTable } from '../variants/table.js';

const threads = [1, 2];
const shards = [1, 2, 4];
const swept = shapes.filter(({ name }) => name === 'busy' || name === 'many');

interface Pool {
  readonly threads: number;
  readonly shards: number;
}

const pools: readonly Pool[] = threads.flatMap((thread) => shards.map((shard) => ({ threads: thread, shards: shard })));

/** In the smoke test the corners of the sweep under one load will do. */
const corners: readonly Pool[] = [
  { threads: 1, shards: 1 },
  { threads: 2, shards: 4 },
];

const titleOf = ({ name }: Shape, pool: Pool): string => `${name}: ${pool.threads} x ${pool.shards}`;

function variant(shape: Shape, pool: Pool): Variant {
  return {
    name: titleOf(shape, pool),
    measure: ({ options, postgres, outputFile }: Context) => {
      const settings = {
        ...options.settings,
        WORKER_THREADS: String(pool.threads),
        SHARDS_PER_WORKER: String(pool.shards),
      };
      const output = outputFile(`${shape.name}-${pool.threads}x${pool.shards}`);
      return measure('service', shape, options, postgres, { settings, flags: [] }, output);
    },
  };
}

export const poolCase = benchCase<VariantRound>({
  name: 'pool',
  title: 'worker threads x shards per worker',
  parameters: ({ warmupMs, windowMs }) => ({
    pools: pools.map((pool) => `${pool.threads} x ${pool.shards}`).join(', '),
    shapes: swept.map(({ name }) => name).join(', '),
    warmupMs,
    windowMs,
  }),
  measure: (context) => {
    const { smoke } = context.options;
    const loads = smoke ? swept.slice(0, 1) : swept;
    return measureVariants(
      context,
      loads.flatMap((shape) => (smoke ? corners : pools).map((pool) => variant(shape, pool))),
    );
  },
  faults: variantFaults,
  goals: () => [],
  tables: (rounds) =>
    swept
      .flatMap((shape) => {
        const names = pools.map((pool) => titleOf(shape, pool));
        const measured = names.some((name) => rounds.some(({ variants }) => variants[name] !== undefined));
        return measured ? [variantTable(rounds, 'load: threads x shards', names, names[0] ?? '')] : [];
      })
      .join('\n\n'),
});
