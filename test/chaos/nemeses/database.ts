/** Faults of Postgres and of the way to it. */
import { partitionOf } from '../../../src/runtime/placement.js';
import { eventually } from '../../harness/eventually.js';
import { healed, hold, rounds, struck, type Nemesis, type Scene } from './nemesis.js';

const restarted = 'Postgres restarted, or every backend terminated';
const hangs = 'Postgres hangs (SIGSTOP) or is slow';

/** PARTITIONS, as by default. */
const partitions = 64;

/** Raises every epoch as a new owner would, and looks under which epoch the next acks were committed. */
async function usurp(scene: Scene): Promise<void> {
  const { world, workload, history, rooms } = scene;
  struck(scene, 'every epoch is raised');
  const epochs = async (sql: string): Promise<Map<number, number>> => {
    const rows = await world.postgres.query<{ partition: number; epoch: number }>(sql);
    return new Map(rows.map(({ partition, epoch }) => [partition, epoch]));
  };
  const raised = await epochs('update partition_owner set epoch = epoch + 1 returning partition, epoch::int as epoch');
  // Frames that were under way may still answer; what is begun after that may not.
  await workload.more(1);
  await workload.more(rooms.length * 20);
  const found = await epochs('select partition, epoch::int as epoch from partition_owner');
  for (const room of rooms) {
    const partition = partitionOf(room, partitions);
    history.add({
      type: 'fence',
      room,
      partition,
      raised: raised.get(partition) ?? 0,
      found: found.get(partition) ?? 0,
    });
  }
  healed(scene, 'every room is acked again');
}

export const databaseNemeses: readonly Nemesis[] = [
  {
    name: 'postgres-restart',
    fault: restarted,
    nodes: 1,
    strike: (scene) =>
      rounds(scene, async () => {
        const { postgres } = scene.world;
        struck(scene, 'postgres stopped immediately');
        await postgres.stop('immediate');
        await postgres.start();
        healed(scene, 'postgres started');
      }),
  },
  {
    name: 'postgres-terminate',
    fault: restarted,
    nodes: 1,
    strike: (scene) =>
      rounds(scene, async () => {
        struck(scene, 'every backend terminated');
        await scene.world.postgres.terminateAll();
        await scene.workload.more(1);
        healed(scene, 'every room is acked again');
      }),
  },
  {
    name: 'postgres-restart-two-nodes',
    fault: restarted,
    nodes: 2,
    redis: true,
    strike: (scene) =>
      rounds(scene, async (round) => {
        const { postgres } = scene.world;
        struck(scene, round % 2 === 0 ? 'postgres stopped immediately' : 'every backend terminated');
        if (round % 2 === 0) {
          await postgres.stop('immediate');
          await postgres.start();
        } else await postgres.terminateAll();
        await scene.workload.more(1);
        healed(scene, 'every room is acked again');
      }),
  },
  {
    name: 'postgres-freeze',
    fault: hangs,
    nodes: 1,
    strike: async (scene) => {
      const { postgres } = scene.world;
      await scene.workload.more(200);
      struck(scene, 'SIGSTOP of postgres');
      postgres.freeze(true);
      const { url } = scene.world.node(0).service;
      const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
      await eventually(async () => (await status('/ready')) === 503, 'a readiness that is red');
      await hold(6_000);
      const live = await status('/live');
      postgres.freeze(false);
      if (live !== 200) throw new Error(`/live answered ${live} while the database was frozen`);
      healed(scene, 'SIGCONT of postgres');
      await scene.workload.more(400);
    },
  },
  {
    name: 'usurper',
    fault: 'Node stopped (SIGSTOP) 16 s, then continued',
    nodes: 1,
    strike: (scene) => rounds(scene, () => usurp(scene)),
  },
  {
    name: 'commit-unknown',
    fault: 'Connection cut between commit and reply (a proxy of the test that drops the reply)',
    nodes: 1,
    proxied: true,
    strike: (scene) =>
      rounds(scene, async () => {
        const { postgres: proxy } = scene.world.node(0);
        if (proxy === null) throw new Error('this nemesis needs a proxy');
        // Several times: each may hit a frame, a heartbeat or a read.
        for (let cut = 0; cut < 4; cut += 1) {
          struck(scene, 'an answer of postgres is swallowed');
          await proxy.swallow();
          proxy.cut();
          proxy.restore();
          await scene.workload.more(1);
          healed(scene, 'every room is acked again');
        }
      }),
  },
];
