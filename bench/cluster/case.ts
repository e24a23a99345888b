/**
 * The case of the overheads: what the fence costs, and what the outbox and several nodes' code cost where they are wanted.
 * The service has no switch for the fence: the database of that variant gets an `append_frame` without it. Where Redis or
 * RabbitMQ cannot be reached, their variants are left out.
 */
import { readFileSync } from 'node:fs';
import { benchCase, type Context } from '../case.js';
import { measure, type ServiceOptions } from '../closed/round.js';
import { ackedRate, shapes } from '../closed/shapes.js';
import type { Database } from '../environment.js';
import { describeNeighbours } from '../neighbours.js';
import { clientOf } from '../postgres.js';
import { packageRoot } from '../root.js';
import { measureVariants, variantFaults, variantRatio, type Variant, type VariantRound } from '../variants/round.js';
import { variantTable } from '../variants/table.js';
import { rabbit, redis, type Broker } from './brokers.js';

const names = {
  unfenced: 'append without the fence',
  alone: 'as it comes',
  outbox: 'with RabbitMQ and the outbox',
  cluster: 'with Redis, a cluster of one',
} as const;

const busy = shapes.find(({ name }) => name === 'busy');
const unfencedSql = `${packageRoot}/bench/sql/unfenced.sql`;

async function removeFence(database: Database): Promise<void> {
  const client = clientOf(database);
  await client.connect();
  try {
    await client.query(readFileSync(unfencedSql, 'utf8'));
  } finally {
    await client.end();
  }
}

function variant(name: string, broker: Broker | null, ready?: ServiceOptions['ready']): Variant {
  return {
    name,
    measure: async ({ options, postgres, outputFile }: Context) => {
      if (busy === undefined) throw new Error('there is no shape busy');
      const settings = { ...options.settings, ...broker?.settings };
      const service = { settings, flags: [], ...(ready !== undefined && { ready }) };
      try {
        return await measure('service', busy, options, postgres, service, outputFile(name.replaceAll(' ', '-')));
      } finally {
        await broker?.clean();
      }
    },
  };
}

async function variants({ round, say }: Context): Promise<readonly Variant[]> {
  const alone = [variant(names.unfenced, null, removeFence), variant(names.alone, null)];
  const found = await describeNeighbours();
  if (!found.ok) {
    say(`LEFT OUT: the outbox and the cluster: ${found.reason}`);
    return alone;
  }
  const own = `dinguscord_bench_${process.pid}_${round}`;
  return [...alone, variant(names.outbox, rabbit(own)), variant(names.cluster, redis(own))];
}

export const clusterCase = benchCase<VariantRound>({
  name: 'cluster',
  title: 'what the fence, the outbox and a cluster cost (10 rooms of 10, all sending, 4 in flight each)',
  parameters: ({ warmupMs, windowMs }) => ({ shape: 'busy', warmupMs, windowMs }),
  measure: async (context) => measureVariants(context, await variants(context)),
  faults: variantFaults,
  goals: (rounds) => [
    {
      title: 'busy, on one node',
      against: 'the same with an append without the fence, acked/s',
      bound: 'at least',
      limit: 0.85,
      unit: 'x',
      figure: variantRatio(rounds, names.alone, names.unfenced, ackedRate),
    },
    {
      title: 'busy, with RabbitMQ and the outbox',
      against: 'without them, acked/s',
      bound: 'at least',
      limit: 0.7,
      unit: 'x',
      figure: variantRatio(rounds, names.outbox, names.alone, ackedRate),
    },
  ],
  tables: (rounds) => variantTable(rounds, 'this service', Object.values(names), names.unfenced),
});
