/** Faults of Redis, of RabbitMQ and of the ways between nodes. */
import { healed, hold, rounds, struck, type Nemesis, type Scene } from './nemesis.js';

const redisFault = 'Redis down, restarted, FLUSHALL, hung';
const rabbitFault = 'RabbitMQ down, restarted, memory alarm';
const cutFault = 'Network cut between nodes, one way and both';

function redisOf({ world }: Scene): NonNullable<Scene['world']['redis']> {
  if (world.redis === null) throw new Error('this nemesis needs Redis');
  return world.redis;
}

function rabbitOf({ world }: Scene): NonNullable<Scene['world']['rabbit']> {
  if (world.rabbit === null) throw new Error('this nemesis needs RabbitMQ');
  return world.rabbit;
}

function linkCut(name: string, direction: 'up' | 'down' | 'both', servers: readonly ('postgres' | 'redis')[]): Nemesis {
  return {
    name,
    fault: cutFault,
    nodes: 2,
    redis: true,
    proxied: true,
    strike: (scene) =>
      rounds(scene, async (round) => {
        const node = scene.world.node(round % 2);
        struck(scene, `node ${round % 2} and ${servers.join(', ')}: silent ${direction}`);
        for (const server of servers) node[server]?.silence(direction);
        await hold(scene.random.between(3_000, 14_000));
        for (const server of servers) node[server]?.restore();
        healed(scene, `node ${round % 2}: the way is open`);
      }),
  };
}

export const networkNemeses: readonly Nemesis[] = [
  {
    name: 'redis-restart',
    fault: redisFault,
    nodes: 2,
    redis: true,
    bounds: { lateMs: 5_000 },
    strike: (scene) =>
      rounds(scene, async () => {
        const redis = redisOf(scene);
        struck(scene, 'redis killed');
        await redis.stop();
        await scene.workload.more(100);
        await redis.start();
        healed(scene, 'redis started');
      }),
  },
  {
    name: 'redis-flush',
    fault: redisFault,
    nodes: 2,
    redis: true,
    bounds: { lateMs: 5_000 },
    strike: (scene) =>
      rounds(scene, async () => {
        struck(scene, 'FLUSHALL');
        await redisOf(scene).flush();
        healed(scene, 'redis is empty');
      }),
  },
  {
    name: 'redis-freeze',
    fault: redisFault,
    nodes: 2,
    redis: true,
    bounds: { lateMs: 5_000 },
    strike: (scene) =>
      rounds(scene, async () => {
        const redis = redisOf(scene);
        struck(scene, 'SIGSTOP of redis');
        redis.signal('SIGSTOP');
        await hold(scene.random.between(2_000, 6_000));
        redis.signal('SIGCONT');
        healed(scene, 'SIGCONT of redis');
      }),
  },
  linkCut('cut-redis', 'both', ['redis']),
  linkCut('cut-redis-one-way', 'down', ['redis']),
  linkCut('cut-all', 'both', ['postgres', 'redis']),
  linkCut('cut-all-one-way', 'up', ['postgres', 'redis']),
  {
    // Rooms that are read more than written to: whoever gets a room back is asked for it before a write shows where it stands.
    name: 'cut-postgres',
    fault: cutFault,
    nodes: 2,
    redis: true,
    proxied: true,
    workload: { lanes: 1, thinkMs: 250, visitors: 4 },
    strike: (scene) =>
      rounds(scene, async (round) => {
        const proxy = scene.world.node(round % 2).postgres;
        struck(scene, `node ${round % 2} has no way to postgres`);
        proxy?.cut(true);
        await hold(scene.random.between(4_000, 6_000));
        proxy?.restore();
        healed(scene, `node ${round % 2}: the way is open`);
        // Its partitions come back to it once the others trust it again.
        await hold(4_000);
      }),
  },
  {
    name: 'rabbit-down',
    fault: rabbitFault,
    nodes: 1,
    rabbit: true,
    strike: (scene) =>
      rounds(scene, async () => {
        const { proxy } = rabbitOf(scene);
        struck(scene, 'rabbitmq unreachable');
        proxy.cut(true);
        await scene.workload.more(150);
        proxy.restore();
        healed(scene, 'rabbitmq reachable');
      }),
  },
  {
    name: 'rabbit-stalled',
    fault: rabbitFault,
    nodes: 1,
    rabbit: true,
    strike: (scene) =>
      rounds(scene, async () => {
        const { proxy } = rabbitOf(scene);
        struck(scene, 'rabbitmq silent');
        proxy.silence(scene.random.pick(['up', 'down', 'both']));
        await scene.workload.more(150);
        await hold(scene.random.between(500, 3_000));
        proxy.cut();
        proxy.restore();
        healed(scene, 'rabbitmq answers');
      }),
  },
];
