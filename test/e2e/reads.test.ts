/** History of a room in memory: the same as the store's, to the letter, and without asking the store. */
import test from 'ava';
import { encodePage, type PageAnchor, type PageQuery } from '../../src/actors/protocol/pages.js';
import { PostgresReads } from '../../src/runtime/store/postgres/reads.js';
import { metricOf } from '../harness/metrics.js';
import { stageFor, unique, type Stage } from '../harness/stage.js';
import { silent } from '../store/rooms.js';

const ring = 10;
const stage = stageFor(test, { ROOM_RECENT_MESSAGES: String(ring) });

function pagesFrom(source: string, { url }: Stage): Promise<number> {
  return metricOf(url, `history_pages_total{source="${source}"}`);
}

async function store(t: { teardown(fn: () => Promise<void>): void }): Promise<PostgresReads> {
  const { DB_HOST: host = '', DB_PORT, DB_USER: user = '', DB_NAME: database = '', DB_PASSWORD } = stage.databaseEnv;
  const reads = new PostgresReads({
    connection: { host, port: Number(DB_PORT), user, password: DB_PASSWORD ?? null, database },
    poolSize: 1,
    deadlineMs: 20_000,
    log: silent,
  });
  await reads.start();
  t.teardown(() => reads.stop());
  return reads;
}

/** Whatever a client may ask for, in and around the ring. */
function queries(total: number): PageQuery[] {
  const places = [0, 1, total - ring - 1, total - ring, total - ring + 1, total - 3, total, total + 1, total + 50].map(
    (at) => Math.max(0, at),
  );
  const anchors = places.flatMap((at): PageAnchor[] => [
    { by: 'offset', offset: Math.max(0, total - at) },
    { by: 'before', seq: at },
    { by: 'after', seq: at },
    { by: 'around', seq: at },
  ]);
  return [1, 2, ring - 1, ring, ring + 1, 50].flatMap((limit) => anchors.map((from) => ({ limit, from })));
}

function pathOf(room: string, { limit, from }: PageQuery): string {
  const at = from.by === 'offset' ? from.offset : from.seq;
  return `/messages/room/${room}?limit=${limit}&${from.by}=${at}`;
}

test.serial(
  'every page is the store’s, to the letter: edits, tombstones, receipts, totals and both neighbours',
  async (t) => {
    const room = unique('room');
    const users = ['ann', 'bob', 'cyd'];
    const members = await Promise.all(users.map((user) => stage.member(user, room)));
    const reads = await store(t);
    const ids: string[] = [];
    const before = await pagesFrom('memory', stage);
    let asked = 0;
    for (let round = 0; round < 6; round += 1) {
      for (let n = 0; n < 5; n += 1) {
        const at = (round * 5 + n) % members.length;
        ids.push((await members[at]?.send(room, `“${round}” \u2028 ${n}`, { metadata: { n } }))?.id ?? '');
      }
      const newest = ids.length - 1;
      // In the ring and behind it, by their senders.
      for (const seq of [newest - 2, newest - ring - 1].filter((one) => one >= 0)) {
        const sender = members[seq % members.length];
        const target = { messageId: ids[seq], roomId: room };
        if ((round + seq) % 2 === 0) await sender?.ask('delete_message', target);
        else await sender?.ask('edit_message', { ...target, content: `edited ${round}` });
      }
      await members[round % 3]?.ask('mark_read', { roomId: room, messageIds: [ids[Math.max(0, newest - 1 - round)]] });
      await members[(round + 1) % 3]?.ask('mark_delivered', { roomId: room, messageIds: [ids[newest]] });
      for (const query of queries(ids.length)) {
        const answer = await stage.rest('ann').get(pathOf(room, query));
        const { messages, total } = await reads.page(room, query);
        const expected = encodePage(query, messages, total);
        t.is(answer.text, `{"success":true,"message":"Messages",${expected.slice(1)}`, pathOf(room, query));
        asked += 1;
      }
    }
    const answered = (await pagesFrom('memory', stage)) - before;
    t.true(answered > asked / 3 && answered < asked, `${answered} of ${asked} pages came from memory`);
  },
);

test.serial('a page in memory is answered without any statement on any connection of the service', async (t) => {
  const room = unique('room');
  const ann = await stage.member('ann', room);
  for (let n = 0; n < ring; n += 1) await ann.send(room, `m${n}`);
  const inspector = await stage.inspector();
  /** What each connection of the service did last. */
  const statements = async (): Promise<ReadonlyMap<number, { query: string; at: string }>> => {
    const rows = await inspector.rows<{ pid: number; query: string; at: string }>(
      `SELECT pid, trim(query, E' \\n') AS query, query_start::text AS at FROM pg_stat_activity
       WHERE datname = current_database() AND application_name <> 'test-inspector'`,
    );
    return new Map(rows.map(({ pid, ...last }) => [pid, last]));
  };
  const memory = await pagesFrom('memory', stage);
  const fromStore = await pagesFrom('store', stage);
  const before = await statements();
  const bob = stage.rest('bob');
  for (let n = 0; n < 50; n += 1) {
    t.is((await bob.get(`/messages/room/${room}?limit=${1 + (n % ring)}`)).status, 200);
    t.true((await ann.ask('get_messages', { roomId: room, after: n % ring, limit: 3 })).success);
  }
  const after = await statements();
  // Heartbeats come by themselves.
  for (const [pid, last] of after)
    if (last.query !== 'select 1') t.deepEqual(last, before.get(pid), `connection ${pid}`);
  t.is((await pagesFrom('memory', stage)) - memory, 100);
  t.is(await pagesFrom('store', stage), fromStore);
});

test.serial(
  'who was answered reads what was answered: sends, edits and deletes are in the next page at once',
  async (t) => {
    const room = unique('room');
    const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
    const newest = async (): Promise<unknown> => {
      const { data } = await bob.ask('get_messages', { roomId: room, limit: 1 });
      return data?.[0]?.content;
    };
    // Others ask all the time, so that there is always a read to be joined.
    let over = false;
    const crowd = Array.from({ length: 8 }, async (_, n) => {
      while (!over) await stage.rest(`crowd-${n}`).get(`/messages/room/${room}?limit=1`);
    });
    for (let n = 0; n < 30; n += 1) {
      const { id } = await ann.send(room, `m${n}`);
      t.is(await newest(), `m${n}`);
      await ann.ask('edit_message', { messageId: id, content: `e${n}` });
      t.is(await newest(), `e${n}`);
      await ann.ask('delete_message', { messageId: id });
      t.is(await newest(), '');
    }
    over = true;
    await Promise.all(crowd);
  },
);

test.serial(
  'a room that is not in memory is read from the store, and reading it does not bring it there',
  async (t) => {
    const room = unique('cold');
    const inspector = await stage.inspector();
    await inspector.rows('INSERT INTO rooms (room_key, last_seq, last_version) VALUES ($1, 3, 3)', [room]);
    await inspector.rows(
      `INSERT INTO messages (room_key, seq, id, version, sender_id, sender_name, content, message_type, created_at)
     SELECT $1, n, gen_random_uuid(), n, 'ann', 'Ann', 'x', 'text', now() FROM generate_series(1, 3) n`,
      [room],
    );
    const [memory, fromStore] = [await pagesFrom('memory', stage), await pagesFrom('store', stage)];
    for (let n = 0; n < 3; n += 1) t.is((await stage.rest('ann').history(room)).total, 3);
    t.is((await pagesFrom('store', stage)) - fromStore, 3);
    t.is(await pagesFrom('memory', stage), memory);
    // The first page after a join comes from memory.
    await stage.member('bob', room);
    t.is((await stage.rest('ann').history(room)).total, 3);
    t.is((await pagesFrom('memory', stage)) - memory, 1);
  },
);
