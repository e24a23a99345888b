/** Faults of Postgres and of the way to it. */
import { healed, hold, rounds, struck, type Nemesis } from './nemesis.js';

const restarted = 'Postgres restarted, or every backend terminated';
const hangs = 'Postgres hangs (SIGSTOP) or is slow';

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
      await hold(8_000);
      postgres.freeze(false);
      healed(scene, 'SIGCONT of postgres');
      await scene.workload.more(400);
    },
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
