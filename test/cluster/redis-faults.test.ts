/** Two real nodes whose Redis fails under load: sends are acked all the same, and what crosses over is late, not lost. Needs Redis. */
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../harness/eventually.js';
import type { ChatClient } from '../harness/client.js';
import { checkHistory, checkPromises, checkStream } from '../harness/laws.js';
import { unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';
import { Nodes } from './support/nodes.js';
import { RedisServer } from './support/redis-server.js';
import { Traveller } from './support/traveller.js';

interface Scene {
  readonly redis: RedisServer;
  readonly nodes: Nodes;
  readonly rooms: readonly { readonly room: string; readonly traveller: Traveller; readonly listener: ChatClient }[];
  /** Everybody has so many acks more. */
  acks(more: number): Promise<void>;
}

/** In every room somebody sends at one node and somebody listens at the other. */
async function scene(t: ExecutionContext): Promise<Scene> {
  const redis = await RedisServer.start(t);
  const nodes = await Nodes.start(t, 2, { REDIS_PORT: String(redis.port) });
  await nodes.shared([0, 1]);
  const rooms = await Promise.all(
    Array.from({ length: 6 }, async (_, at) => {
      const room = unique('room');
      const listener = await nodes.member(t, at % 2, unique('listener'), room);
      const traveller = new Traveller(unique('sender'), room, 0, () => [nodes.at((at + 1) % 2).url]);
      t.teardown(() => traveller.close());
      return { room, traveller, listener };
    }),
  );
  const acks = async (more: number): Promise<void> => {
    const goals = rooms.map(({ traveller }) => traveller.acked.length + more);
    await eventually(
      () => Promise.resolve(rooms.every(({ traveller }, i) => traveller.acked.length >= (goals[i] ?? 0))),
      'acks in every room',
    );
  };
  return { redis, nodes, rooms, acks };
}

async function under(t: ExecutionContext, fault: (scene: Scene) => Promise<void>): Promise<void> {
  const stage = await scene(t);
  const { rooms, nodes, acks } = stage;
  const travels = rooms.map(({ traveller }) => traveller.travel());
  await acks(20);
  await fault(stage);
  const back = Date.now();
  for (const { traveller } of rooms) traveller.stop();
  await Promise.all(travels);
  for (const { traveller, listener } of rooms) await listener.message(traveller.acked.at(-1)?.id ?? '');
  const complete = Date.now() - back;
  for (const { room, traveller, listener } of rooms) {
    const { messages, total } = await nodes.rest(0, 'judge').history(room);
    t.deepEqual(checkHistory(room, messages, total), []);
    t.deepEqual(checkPromises(room, traveller.acked, messages), []);
    t.is(messages.length, traveller.acked.length, 'nothing is there twice');
    t.deepEqual(checkStream(listener.heard), []);
    t.is((listener.all('new_message') as WireMessage[]).length, messages.length, 'the other node heard everything');
    // Of direct conversations a hole is announced, since nobody can know who would have heard what.
    const announced = listener.all('resync_required') as { roomId: string | null }[];
    t.deepEqual(
      announced.filter(({ roomId }) => roomId !== null),
      [],
    );
    t.deepEqual(traveller.refused, []);
  }
  t.log({
    acked: rooms.reduce((sum, { traveller }) => sum + traveller.acked.length, 0),
    longestSilence: Math.max(...rooms.map(({ traveller }) => traveller.longestSilence)),
    complete,
  });
}

test.serial('Redis is killed and started again', (t) =>
  under(t, async ({ redis, acks }) => {
    await redis.kill();
    await acks(20);
    await redis.start();
    await acks(20);
  }),
);

test.serial('Redis hangs and goes on', (t) =>
  under(t, async ({ redis, acks }) => {
    redis.freeze();
    await acks(20);
    redis.thaw();
    await acks(20);
  }),
);

test.serial('Redis stays away: the other node hears everything all the same', (t) =>
  under(t, async ({ redis, acks }) => {
    await redis.kill();
    await acks(20);
  }),
);
