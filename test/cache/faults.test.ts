/** Whatever Redis does, reads of the cache come back soon and empty-handed, nothing is thrown, and what was erased goes. Needs Redis. */
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { encode } from '../../src/runtime/cache/entry.js';
import { RoomCache } from '../../src/runtime/cache/room-cache.js';
import type { RoomSnapshot } from '../../src/actors/protocol/state.js';
import { eventually, generousMs } from '../harness/eventually.js';
import { message } from '../store/rooms.js';
import { contents, RedisServer, test } from './server.js';

const limits = { recentMessages: 10, recentBytes: 10_000 };
/** Far less than a hundred times what the client itself waits for one answer. */
const soonMs = 20_000;

function room(key: string, version = 1, content = 'secret'): RoomSnapshot {
  return { key, lastSeq: 1, lastVersion: version, recent: [message(key, 1, { version: 1, content })] };
}

/** @param patienceMs generous where the test is not about time: the machine may be slow */
async function setUp(t: ExecutionContext, running = true, patienceMs = generousMs) {
  const server = await RedisServer.create(t);
  if (running) await server.start();
  const lines: { level: number; msg: string }[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) },
  );
  const counts: Record<string, number> = {};
  const count = (name: string, rooms: number): void => void (counts[name] = (counts[name] ?? 0) + rooms);
  const cache = new RoomCache({
    redis: server.settings,
    name: 'cache',
    ttlMs: 60_000,
    limits,
    metrics: { cacheLookedUp: count, cacheDropped: (rooms) => count('dropped', rooms) },
    log,
    patienceMs,
  });
  cache.start();
  t.teardown(() => cache.stop());
  const read = async (key: string): Promise<number | null> => (await cache.get('o', [key]))[0]?.lastVersion ?? null;
  const works = (key: string): Promise<unknown> =>
    eventually(async () => {
      cache.put('o', [room(key)]);
      return (await read(key)) !== null;
    }, 'a cache that works');
  /** Has it written, however often Redis was too slow for a command. */
  const written = (key: string, version: number): Promise<unknown> =>
    eventually(async () => {
      const dropped = counts['dropped'];
      cache.put('o', [room(key, version)]);
      return (await cache.settled(generousMs)) && counts['dropped'] === dropped;
    }, 'a write');
  return { server, cache, counts, lines, read, works, written };
}

test('a server that is not there costs nothing, and is used once it is there', async (t) => {
  const { server, cache, read, works, counts, lines } = await setUp(t, false);
  const started = performance.now();
  for (let i = 0; i < 100; i++) t.is(await read('a'), null);
  cache.put('o', [room('a')]);
  cache.erase('o', [{ key: 'a', version: 2 }]);
  t.true(performance.now() - started < soonMs);
  t.is(counts['unavailable'], 100);
  await server.start();
  await works('b');
  t.is(await read('a'), null);
  t.true(lines.length <= 3, JSON.stringify(lines));
});

test('a server that hangs costs a read its patience once, then nothing; it is used again when it is back', async (t) => {
  const { server, cache, read, works, lines } = await setUp(t, true, 20);
  await works('a');
  server.freeze();
  const started = performance.now();
  t.is(await read('a'), null);
  const turn = new Promise((resolve) => setImmediate(resolve, 'a turn of the event loop'));
  t.is(await Promise.race([read('a'), turn]), null, 'the next does not even ask');
  for (let i = 0; i < 100; i++) t.is(await read('a'), null);
  cache.put(
    'o',
    Array.from({ length: 3_000 }, (_, i) => room(`room-${i}`)),
  );
  t.true(performance.now() - started < soonMs, `${performance.now() - started} ms`);
  server.thaw();
  await works('c');
  await eventually(async () => (await read('a')) === 1, 'what it had before');
  t.true(lines.length <= 4, JSON.stringify(lines));
});

test('a server that dies and comes back empty, or is flushed, has only forgotten', async (t) => {
  const { server, read, works } = await setUp(t);
  await works('a');
  await server.stop();
  t.is(await read('a'), null);
  await server.start();
  await works('b');
  t.is(await read('a'), null);
  const client = server.client();
  await client.flushall();
  client.disconnect();
  t.is(await read('b'), null);
  await works('b');
});

test('law 11: what is erased while the server hangs is gone once it is back', async (t) => {
  const { server, cache, works } = await setUp(t);
  await works('a');
  const client = server.client();
  t.true([...(await contents(client, server.settings.prefix)).values()].some((text) => text.includes('secret')));
  server.freeze();
  cache.erase('o', [{ key: 'a', version: 2 }]);
  server.thaw();
  await eventually(async () => {
    const found = [...(await contents(client, server.settings.prefix)).values()];
    return found.every((text) => !text.includes('secret'));
  }, 'the erasure');
  client.disconnect();
  t.pass();
});

test('law 11: a late write of what was erased does not bring it back, a newer state is kept', async (t) => {
  const { server, cache, read, works, written } = await setUp(t);
  await works('a');
  cache.erase('o', [{ key: 'a', version: 5 }]);
  await written('a', 4);
  const client = server.client();
  const found = await contents(client, server.settings.prefix);
  client.disconnect();
  t.deepEqual([...found.values()], ['1 5 ']);
  t.is(await read('a'), null);
  await written('a', 5);
  await eventually(async () => (await read('a')) === 5, 'what is new');
});

test('law 11: a server that takes no more data still loses what is erased', async (t) => {
  const { server, cache, works } = await setUp(t);
  await works('a');
  const client = server.client();
  await client.config('SET', 'maxmemory', '1');
  cache.erase('o', [{ key: 'a', version: 5 }]);
  await eventually(async () => (await client.keys('*')).length === 0, 'the erasure');
  client.disconnect();
  t.pass();
});

test('entries that are not whole are ignored, counted and told once', async (t) => {
  const { server, cache, counts, lines, works } = await setUp(t);
  await works('a');
  const client = server.client();
  const place = `${server.settings.prefix}:recent:o:`;
  const good = encode(room('x'), limits) ?? '';
  await client.mset(`${place}a`, 'garbage', `${place}b`, good.slice(0, -5), `${place}c`, `9${good.slice(1)}`);
  await client.set(`${place}d`, encode(room('d'), limits) ?? '');
  await client.hset(`${place}e`, 'not', 'text');
  client.disconnect();
  const before = counts['invalid'] ?? 0;
  for (let i = 0; i < 3; i++) {
    const rooms = await eventually(async () => {
      const read = await cache.get('o', ['a', 'b', 'c', 'd', 'e', 'f']);
      return read.some((each) => each !== null) && read;
    }, 'an answer');
    t.deepEqual(
      rooms.map((each) => each?.key ?? null),
      [null, null, null, 'd', null, null],
    );
  }
  t.is(counts['invalid'], before + 9);
  t.is(lines.filter(({ msg }) => msg.includes('not what was written')).length, 1);
});

test('entries have a time to live, and a room in another history is another room', async (t) => {
  const { server, cache, works } = await setUp(t);
  await works('a');
  const client = server.client();
  for (const key of await client.keys('*')) t.true((await client.pttl(key)) > 0);
  client.disconnect();
  t.deepEqual(await cache.get('other', ['a']), [null]);
});

test('law 9: more rooms at once than can be written are dropped and counted', async (t) => {
  const { cache, counts, works } = await setUp(t);
  await works('a');
  cache.put(
    'o',
    Array.from({ length: 10_000 }, (_, i) => room(`room-${i}`)),
  );
  t.true((counts['dropped'] ?? 0) >= 7_000);
  await eventually(() => cache.settled(generousMs), 'the end of the writing');
});
