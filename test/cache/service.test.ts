/** The real service with Redis: rooms that left memory come back right, and nothing that was deleted stays in Redis. Needs Redis. */
import { eventually } from '../harness/eventually.js';
import { metricOf } from '../harness/metrics.js';
import { ownStage, unique } from '../harness/stage.js';
import { contents, RedisServer, test } from './server.js';

test('law 11: a room that left memory comes back from Redis as it is, and what was deleted is in none of its memories', async (t) => {
  const server = await RedisServer.create(t);
  await server.start();
  const { host, port, prefix } = server.settings;
  const stage = await ownStage(t, {
    REDIS_HOST: host,
    REDIS_PORT: String(port),
    REDIS_PREFIX: prefix,
    ROOM_IDLE_TTL_MS: '50',
  });
  const look = server.client();
  t.teardown(() => {
    look.disconnect();
  });
  const lying = async (): Promise<string> => [...(await contents(look, `${prefix}:recent`)).values()].join('\n');
  const rest = stage.rest('ann');
  const count = (name: string): Promise<number> => metricOf(stage.url, name);
  const room = unique('room');
  const sent: string[] = [];
  // On a slow machine the cache may be given up for a while: the room comes into memory and leaves it until it is written.
  // It is touched only after it left, since a room that is touched again and again stays.
  const touchedUntil = (probe: () => Promise<boolean>, what: string): Promise<unknown> => {
    let left = -1;
    return eventually(async () => {
      if (await probe()) return true;
      const evictions = await count('evictions_total');
      if (evictions > left) await rest.put('/messages/delivered', { messageIds: sent, roomId: room });
      left = evictions;
      return false;
    }, what);
  };
  const cachedWith = (content: string): Promise<unknown> =>
    touchedUntil(async () => (await lying()).includes(content), 'the room in Redis');
  for (const content of ['first-secret', 'second', 'third-secret']) {
    const { body } = await rest.post('/messages', { room_id: room, content });
    sent.push(body.data?.id ?? '');
  }
  await cachedWith('third-secret');
  const evictions = await count('evictions_total');

  // A receipt does not change the version: the counts must not be those of the time when it was cached.
  const marked = await stage.rest('bob').put('/messages/read', { messageIds: sent, roomId: room });
  t.is(marked.body.data?.length, 3);
  await eventually(async () => (await count('evictions_total')) > evictions, 'another eviction');

  await touchedUntil(
    async () => (await count('room_cache_lookups_total{result="found"}')) > 0,
    'a room found in the cache',
  );

  const cara = await stage.client('cara');
  const joined = await cara.join(room);
  t.deepEqual(
    joined.messages.map(({ content, read_count, seq }) => [content, read_count, seq]),
    [
      ['first-secret', 1, 1],
      ['second', 1, 2],
      ['third-secret', 1, 3],
    ],
  );

  t.is((await rest.delete(`/messages/${sent[0]}`)).status, 200);
  t.is((await rest.patch(`/messages/${sent[2]}`, { content: 'third, edited' })).status, 200);
  await eventually(async () => !(await lying()).includes('secret'), 'the erasure');
  cara.close();
  await cachedWith('third, edited');
  const again = await (await stage.client('dan')).join(room);
  t.deepEqual(
    again.messages.map(({ content }) => content),
    ['', 'second', 'third, edited'],
  );
  t.false((await lying()).includes('secret'));
});

test('with a Redis that hangs from the start rooms are served as without it', async (t) => {
  const server = await RedisServer.create(t);
  await server.start();
  server.freeze();
  const { host, port, prefix } = server.settings;
  const stage = await ownStage(t, {
    REDIS_HOST: host,
    REDIS_PORT: String(port),
    REDIS_PREFIX: prefix,
    ROOM_IDLE_TTL_MS: '50',
  });
  const rest = stage.rest('ann');
  const room = unique('room');
  for (let i = 1; i <= 5; i++) {
    const { status, body } = await rest.post('/messages', { room_id: room, content: `m${i}` });
    t.is(status, 201);
    t.is(body.data?.seq, i);
  }
  t.is((await (await stage.client('cara')).join(room)).messages.length, 5);
});
