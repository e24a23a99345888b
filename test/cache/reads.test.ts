/** Laws 8 and 11 over the cache: whatever happens in between, rooms are read as Postgres has them. Needs Redis. */
import fc from 'fast-check';
import type { RoomSnapshot } from '../../src/actors/protocol/state.js';
import { CachedWriter } from '../../src/runtime/cache/cached-writer.js';
import { RoomCache } from '../../src/runtime/cache/room-cache.js';
import { createWriter } from '../../src/runtime/store/postgres/writer.js';
import { freshDatabase } from '../harness/database.js';
import { generousMs } from '../harness/eventually.js';
import { erased, never, partitions, silent, TestRoom } from '../store/rooms.js';
import { contents, RedisServer, test } from './server.js';

const limits = { recentMessages: 4, recentBytes: 400 };
const at = fc.nat();
const node = fc.nat({ max: 1 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('send' as const), room: at, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('edit' as const, 'delete' as const), room: at, which: at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const), room: at, user: at, upTo: at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), node }) },
  // A state that a node had in memory at some time is written when it leaves it, however late.
  { weight: 3, arbitrary: fc.record({ do: fc.constant('evict' as const), node, which: at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
);

test('law 11: two nodes read rooms through the cache as Postgres has them, and what was erased does not stay in it', async (t) => {
  const { connection } = await freshDatabase(t);
  const server = await RedisServer.create(t);
  await server.start();
  const { prefix } = server.settings;
  const look = server.client();
  t.teardown(() => {
    look.disconnect();
  });
  const counts: Record<string, number> = {};
  const caches = [0, 1].map(
    (i) =>
      new RoomCache({
        redis: server.settings,
        name: `cache-${i}`,
        ttlMs: 60_000,
        limits,
        // The machine may be slow, and this is about what is read, not about how soon.
        patienceMs: generousMs,
        metrics: {
          cacheLookedUp: (result, rooms) => void (counts[result] = (counts[result] ?? 0) + rooms),
          cacheDropped: () => undefined,
        },
        log: silent,
      }),
  );
  const plain = [0, 1].map((i) =>
    createWriter({ connection, name: `w${i}`, deadlineMs: generousMs, node: `n${i}`, partitions, log: silent }),
  );
  const writers = plain.map((writer, i) => {
    const cache = caches[i];
    if (cache === undefined) throw new Error('no cache');
    cache.start();
    t.teardown(async () => {
      await writer.release();
      await cache.stop();
    });
    return new CachedWriter(writer, cache, silent);
  });
  for (const writer of writers) await writer.connect(never);
  const [owner] = writers;
  const [truth] = plain;
  if (owner === undefined || truth === undefined) throw new Error('no writer');
  const fences = await owner.claim([0], true);
  const settled = async (): Promise<void> => {
    for (const cache of caches) await cache.settled(generousMs);
  };
  let run = 0;

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      run += 1;
      const rooms = [0, 1, 2].map((i) => new TestRoom(`${prefix}-${run}-${i}`));
      const keys = rooms.map(({ key }) => key);
      const remembered: RoomSnapshot[] = [];
      const secrets: string[] = [];
      let sent = 0;
      for (const action of steps) {
        const room = 'room' in action ? rooms[action.room % rooms.length] : rooms[0];
        if (room === undefined) throw new Error('no room');
        switch (action.do) {
          case 'send':
            await owner.append(
              room.frame(
                fences,
                Array.from({ length: action.count }, () => ({
                  content: `secret-${run}-${++sent}-${'x'.repeat(sent % 90)}`,
                  senderId: ['alice', 'bob', 'céline "C"'][sent % 3] ?? '',
                })),
              ),
            );
            break;
          case 'edit':
          case 'delete': {
            const old = room.messages[action.which % Math.max(1, room.lastSeq)];
            if (old === undefined || old.deletedAt !== null) break;
            secrets.push(old.content);
            const { seq } = old;
            const change =
              action.do === 'delete'
                ? { seq, ...erased(old.createdAt + 2_000) }
                : { seq, content: `edited-${run}-${++sent}`, editedAt: old.createdAt + 1_000 };
            await owner.append(room.frame(fences, [], [change]));
            break;
          }
          case 'mark': {
            const upTo = action.upTo % (room.lastSeq + 1);
            const mark = { key: room.key, userId: `user-${action.user % 4}`, delivered: room.lastSeq, read: upTo };
            await owner.append(room.frame(fences, [], [], [mark]));
            break;
          }
          case 'read': {
            const seen = await writers[action.node]?.snapshots(keys, limits.recentMessages);
            const expected = await truth.snapshots(keys, limits.recentMessages);
            // Memory is bounded the same way: the cache may have left out what an actor would not keep.
            seen?.forEach((snapshot, i) => {
              const full = expected[i]?.recent ?? [];
              t.true(snapshot.recent.length === full.length || (full.length > 0 && snapshot.recent.length > 0));
              t.deepEqual(snapshot, {
                ...expected[i],
                recent: full.slice(full.length - snapshot.recent.length),
              } as RoomSnapshot);
              remembered.push(snapshot);
            });
            break;
          }
          case 'evict': {
            const state = remembered[action.which % Math.max(1, remembered.length)];
            if (state !== undefined) writers[action.node]?.keep(state);
            break;
          }
          case 'flush':
            await settled();
            for (const key of (await contents(look, prefix)).keys()) await look.del(key);
            // Whatever comes late now may bring erased content back into Redis until its time is up; it is not served.
            remembered.length = 0;
            break;
        }
        if (action.do === 'edit' || action.do === 'delete') {
          await settled();
          const lying = [...(await contents(look, prefix)).values()].join();
          t.deepEqual(
            secrets.filter((secret) => lying.includes(`"${secret}"`)),
            [],
          );
        }
      }
      return true;
    }),
    { numRuns: 60, endOnFailure: true },
  );
  t.true((counts['found'] ?? 0) > 50, JSON.stringify(counts));
  t.is(counts['invalid'], undefined);
});

test('another history of the same rooms has another origin', async (t) => {
  const first = await freshDatabase(t);
  const second = await freshDatabase(t);
  const origins: string[] = [];
  for (const { connection } of [first, second, first]) {
    const writer = createWriter({ connection, name: 'w', deadlineMs: generousMs, node: 'n', partitions, log: silent });
    await writer.connect(never);
    origins.push(await writer.origin());
    await writer.release();
  }
  t.is(new Set(origins).size, 2);
  t.is(origins[0], origins[2]);
});
