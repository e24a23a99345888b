/** Presence over several nodes that share a real Redis. Needs Redis. */
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { createPresence } from '../../src/edge/presence.js';
import { createRedisClient } from '../../src/runtime/cluster/transport/redis-client.js';
import { configOf, recordedLog } from '../edge/support/fakes.js';
import { json, neighbour } from '../edge/support/neighbour.js';
import { eventually } from '../harness/eventually.js';
import { RedisServer } from './support/redis-server.js';

/** Three that are missed make a node dead: so long that a slow machine is not. */
const beatMs = 1_500;

interface Shared {
  readonly port: number;
  readonly prefix: string;
  readonly service: Awaited<ReturnType<typeof neighbour>>;
}

async function shared(t: ExecutionContext, port = 6379): Promise<Shared> {
  return { port, prefix: `test-${randomUUID()}`, service: await neighbour(t, json({ success: true })) };
}

/** A node, and a way to end it as kill -9 would. */
async function node(t: ExecutionContext, { port, prefix, service }: Shared, name: string) {
  const { log, lines } = recordedLog();
  const client = createRedisClient({ host: '127.0.0.1', port, password: null, prefix }, name, log);
  let dead = false;
  const presence = createPresence({
    config: configOf({ PRESENCE_SERVICE_URL: service.url }),
    log,
    shared: {
      client: {
        connect: () => client.connect(),
        eval: (...args) => (dead ? Promise.reject(new Error('dead')) : client.eval(...args)),
        disconnect: () => client.disconnect(),
      },
      prefix,
      node: name,
      beatMs,
    },
  });
  await presence.start();
  t.teardown(() => presence.stop());
  return {
    ...presence,
    lines,
    die: () => {
      dead = true;
    },
  };
}

function told({ service }: Shared): string[] {
  return service.calls.map(({ body }) => {
    const { userId, status } = JSON.parse(body) as { userId: string; status: string };
    return `${userId} ${status}`;
  });
}

test('only the first and the last socket over all nodes are told, and everybody sees who is online', async (t) => {
  const world = await shared(t);
  const [one, two] = [await node(t, world, 'one'), await node(t, world, 'two')];
  one.connected('ann');
  t.deepEqual(await one.online(['ann']), { ann: true }, 'known at once where it happened');
  await world.service.seen(1);
  two.connected('ann');
  two.connected('bob');
  await world.service.seen(2);
  one.disconnected('ann');
  await eventually(async () => (await one.online(['ann', 'bob', 'cem']))['ann'] === true, 'ann is still online');
  t.deepEqual(await one.online(['ann', 'bob', 'cem']), { ann: true, bob: true, cem: false });
  two.disconnected('ann');
  await world.service.seen(3);
  t.deepEqual(told(world), ['ann online', 'bob online', 'ann offline']);
  t.deepEqual(await one.online(['ann']), { ann: false });
});

test('a heartbeat and a logout count on every node', async (t) => {
  const world = await shared(t);
  const [one, two] = [await node(t, world, 'one'), await node(t, world, 'two')];
  const sees = (online: boolean) =>
    eventually(async () => (await two.online(['ann']))['ann'] === online, `ann is ${online ? 'online' : 'offline'}`);
  one.heartbeat('ann');
  await sees(true);
  one.logout('ann');
  await sees(false);
  two.connected('ann');
  await sees(true);
  one.logout('ann');
  await sees(false);
  one.heartbeat('ann');
  await sees(true);
  t.pass();
});

test('the users of a dead node go offline, but for those who are elsewhere too', async (t) => {
  const world = await shared(t);
  const [one, two] = [await node(t, world, 'one'), await node(t, world, 'two')];
  for (const userId of ['ann', 'bob']) one.connected(userId);
  await world.service.seen(2);
  two.connected('bob');
  await eventually(async () => (await two.online(['bob']))['bob'] === true, 'bob is written');
  one.die();
  await world.service.seen(3);
  t.deepEqual(told(world).slice(2), ['ann offline']);
  t.deepEqual(await two.online(['ann', 'bob']), { ann: false, bob: true });
});

test('without Redis a node goes by what it knows itself, and writes all of it once Redis is back', async (t) => {
  const server = await RedisServer.start(t);
  const world = await shared(t, server.port);
  const [one, two] = [await node(t, world, 'one'), await node(t, world, 'two')];
  one.connected('ann');
  two.connected('ann');
  await world.service.seen(1);
  await eventually(async () => (await two.online(['ann']))['ann'] === true, 'ann is written');
  await server.kill();
  one.connected('bob');
  await world.service.seen(2);
  t.deepEqual(await one.online(['ann', 'bob', 'cem']), { ann: true, bob: true, cem: false });
  t.deepEqual(await two.online(['ann', 'bob']), { ann: true, bob: false });
  await server.start();
  await eventually(async () => (await two.online(['bob']))['bob'] === true, 'bob is known everywhere');
  await eventually(async () => (await one.online(['ann']))['ann'] === true, 'ann is known everywhere');
  t.true(one.lines.filter(({ kind }) => kind === 'presence_shared').length >= 1);
});

test('a node that stops takes its users along', async (t) => {
  const world = await shared(t);
  const [one, two] = [await node(t, world, 'one'), await node(t, world, 'two')];
  one.connected('ann');
  await world.service.seen(1);
  one.disconnected('ann');
  await one.stop();
  t.deepEqual(told(world), ['ann online', 'ann offline']);
  t.deepEqual(await two.online(['ann']), { ann: false });
});
