/** Faults of the service's own process: worker threads that die or hang, kills, drains, freezes, restarts in turn. */
import { eventually } from '../../harness/eventually.js';
import { inspectorArguments, ThreadFaults, faults } from '../../harness/thread-faults.js';
import { healed, hold, rounds, struck, type Nemesis, type Scene } from './nemesis.js';

const killed = 'Process killed -9, restarted';
/** What the service logs then. */
const workerDied = 'a worker died, its rooms move to a new one';
const worker = 'Worker throws or exits; endless loop; heap exhausted';

function workerFault(kind: keyof typeof faults, silenceMs: number): Nemesis {
  return {
    name: `worker-${kind}`,
    fault: worker,
    nodes: 1,
    env: { WORKER_MAX_HEAP_MB: '96', WORKER_STUCK_MS: '2000' },
    nodeArguments: inspectorArguments,
    bounds: { silenceMs },
    strike: (scene) =>
      rounds(scene, async () => {
        const { service } = scene.world.node(0);
        const deaths = (): number => service.output.lines.filter(({ msg }) => msg === workerDied).length;
        const before = deaths();
        const inspector = await ThreadFaults.attach(service, 2);
        struck(scene, `worker ${kind}`);
        inspector.harm(scene.random.between(0, 1), faults[kind]);
        await eventually(() => Promise.resolve(deaths() > before), `the death of a worker by ${kind}`);
        await scene.workload.more(1);
        healed(scene, 'every room is acked again');
        inspector.close();
      }),
  };
}

async function killAndRestart(scene: Scene, index: number): Promise<void> {
  const { service } = scene.world.node(index);
  struck(scene, `kill -9 of node ${index}`);
  await service.kill9();
  healed(scene, `process started: node ${index}`);
  await service.restart();
}

async function drainAndRestart(scene: Scene, index: number): Promise<void> {
  const { service } = scene.world.node(index);
  struck(scene, `SIGTERM to node ${index}`);
  const exit = await service.stop();
  if (exit.code !== 0) throw new Error(`the drain of node ${index} ended with ${exit.code ?? exit.signal}`);
  healed(scene, `process started: node ${index}`);
  await service.restart();
}

export const processNemeses: readonly Nemesis[] = [
  {
    name: 'none',
    fault: '(no fault: the yardstick)',
    nodes: 1,
    strike: (scene) => scene.workload.more(300 * scene.rounds),
  },
  workerFault('exit', 1_000),
  workerFault('throw', 1_000),
  workerFault('loop', 3_000),
  workerFault('heap', 3_000),
  {
    name: 'kill',
    fault: killed,
    nodes: 1,
    bounds: { firstAckMs: 3_000 },
    strike: (scene) => rounds(scene, () => killAndRestart(scene, 0)),
  },
  {
    name: 'kill-midway',
    fault: killed,
    nodes: 1,
    bounds: { firstAckMs: 3_000 },
    strike: (scene) =>
      rounds(scene, async () => {
        const { postgres } = scene.world;
        // Frames reach their transactions and stay there: the process dies between the work and the commit.
        const release = await postgres.holdWrites();
        const { service } = scene.world.node(0);
        await postgres.blocked();
        await hold(scene.random.between(20, 300));
        struck(scene, 'kill -9 with frames under way');
        await service.kill9();
        await postgres.terminateAll();
        await release();
        healed(scene, 'process started: node 0');
        await service.restart();
      }),
  },
  {
    name: 'drain',
    fault: 'SIGTERM under load',
    nodes: 1,
    bounds: { firstAckMs: 3_000 },
    strike: (scene) => rounds(scene, () => drainAndRestart(scene, 0)),
  },
  {
    name: 'node-kill',
    fault: 'Node killed -9 beside another',
    nodes: 2,
    redis: true,
    bounds: { silenceMs: 3_000 },
    strike: (scene) => rounds(scene, (round) => killAndRestart(scene, round % 2)),
  },
  {
    name: 'node-freeze',
    fault: 'Node stopped (SIGSTOP) 16 s, then continued',
    nodes: 2,
    redis: true,
    bounds: { silenceMs: 12_000 },
    strike: async (scene) => {
      await scene.workload.more(200);
      const index = scene.random.between(0, 1);
      const { service } = scene.world.node(index);
      struck(scene, `SIGSTOP of node ${index}`);
      service.signal('SIGSTOP');
      await hold(16_000);
      service.signal('SIGCONT');
      healed(scene, `SIGCONT of node ${index}`);
      await scene.workload.more(400);
    },
  },
  {
    name: 'rolling-restart',
    fault: 'SIGTERM under load',
    nodes: 2,
    redis: true,
    refusesNothing: true,
    bounds: { silenceMs: 3_000 },
    strike: (scene) => rounds(scene, (round) => drainAndRestart(scene, round % 2)),
  },
];
