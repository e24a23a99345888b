/** What the reads answer, beside a naive model in memory: pages, receipt counts, snapshots, unread counts, covered messages. */
import test from 'ava';
import type { Message } from '../../src/actors/protocol/message.js';
import type { PageQuery } from '../../src/actors/protocol/pages.js';
import { unreadMost } from '../../src/runtime/store/port.js';
import { PostgresReads } from '../../src/runtime/store/postgres/reads.js';
import { pageOf } from '../actors/support/model.js';
import { freshDatabase, type FreshDatabase } from '../harness/database.js';
import { acquire, erased, silent, TestRoom, writerOn } from './rooms.js';

let database: FreshDatabase;
let reads: PostgresReads;
/** 23 messages of four users, some edited or deleted, receipts of five. */
const room = new TestRoom('room');
const marks: Record<string, readonly [delivered: number, read: number]> = {
  alice: [23, 23],
  bob: [20, 7],
  carl: [7, 7],
  ['__proto__']: [12, 3],
  zoe: [1, 0],
};
const users = ['alice', 'bob', '__proto__', 'dora'];

test.before(async () => {
  database = await freshDatabase();
  const writer = writerOn(database.connection, 'pages');
  const fences = await acquire(writer, [0]);
  const created = Array.from({ length: 23 }, (_, at) => ({ senderId: users[at % users.length] ?? '' }));
  await writer.append(room.frame(fences, created));
  const receipts = Object.entries(marks).map(([userId, [delivered, read]]) => ({
    key: room.key,
    userId,
    delivered,
    read,
  }));
  await writer.append(
    room.frame(
      fences,
      [],
      [
        { seq: 4, ...erased(9_000) },
        { seq: 9, content: 'new', editedAt: 9_001 },
        { seq: 22, ...erased(9_002) },
      ],
      receipts,
    ),
  );
  await writer.release();
  reads = new PostgresReads({ connection: database.connection, poolSize: 2, deadlineMs: 20_000, log: silent });
  await reads.start();
});

test.after.always(async () => {
  await reads.stop();
  await database.drop();
});

function counted(message: Message): Message {
  const others = Object.entries(marks).filter(([user]) => user !== message.senderId);
  return {
    ...message,
    deliveredCount: others.filter(([, [delivered]]) => delivered >= message.seq).length,
    readCount: others.filter(([, [, read]]) => read >= message.seq).length,
  };
}

const anchors = [0, 1, 2, 5, 11, 12, 22, 23, 24, 25, 100, Number.MAX_SAFE_INTEGER, 1e300];

for (const by of ['offset', 'before', 'after', 'around'] as const)
  test(`pages by ${by} are those of the whole history, with their receipts`, async (t) => {
    for (const limit of [1, 2, 3, 10, 23, 50])
      for (const anchor of anchors) {
        const query: PageQuery = { limit, from: by === 'offset' ? { by, offset: anchor } : { by, seq: anchor } };
        const page = await reads.page(room.key, query);
        t.deepEqual(
          page.messages,
          pageOf(room.messages.map(counted), limit, query.from),
          `limit ${limit} at ${anchor}`,
        );
        t.is(page.total, 23);
      }
  });

test('a room that was never written to has an empty page', async (t) => {
  t.deepEqual(await reads.page('nowhere', { limit: 5, from: { by: 'offset', offset: 0 } }), {
    messages: [],
    total: 0,
  });
});

test('snapshots of many rooms come in the order asked for, with the newest messages and their receipts', async (t) => {
  const writer = writerOn(database.connection, 'snapshots');
  const fences = await acquire(writer, [1]);
  const other = new TestRoom('another', 1);
  await writer.append(other.frame(fences, [{}, {}]));
  const snapshots = await writer.snapshots(['nowhere', room.key, other.key, room.key], 5);
  const expected = { key: room.key, lastSeq: 23, lastVersion: 26, recent: room.messages.slice(-5).map(counted) };
  t.deepEqual(snapshots, [
    { key: 'nowhere', lastSeq: 0, lastVersion: 0, recent: [] },
    expected,
    { key: other.key, lastSeq: 2, lastVersion: 2, recent: other.messages },
    expected,
  ]);
  t.deepEqual(await writer.snapshots([], 5), []);
  await writer.release();
});

test('a writer counts what is unread among the newest messages only, however long the room', async (t) => {
  const long = new TestRoom('long', 3);
  const writer = writerOn(database.connection, 'long');
  const fences = await acquire(writer, [3]);
  const length = unreadMost + 20;
  await writer.append(
    long.frame(
      fences,
      Array.from({ length }, (_, at) => ({ senderId: at % 2 === 0 ? 'alice' : 'bob' })),
    ),
  );
  const need = { need: 'marks', userId: 'alice', below: length + 1 } as const;
  const [facts] = await writer.facts([{ key: long.key, needs: [need, { ...need, below: 11 }] }]);
  await writer.release();
  t.deepEqual(
    facts?.marks.map(({ unreadBelow }) => unreadBelow),
    [unreadMost / 2, 5],
  );
  t.is(await reads.unread(long.key, 'alice'), length / 2);
});

test('unread counts others’ undeleted messages past the read mark', async (t) => {
  for (const user of [...users, 'zoe', 'stranger']) {
    const read = Object.hasOwn(marks, user) ? (marks[user]?.[1] ?? 0) : 0;
    const expected = room.messages.filter((one) => one.seq > read && one.senderId !== user && one.deletedAt === null);
    t.is(await reads.unread(room.key, user), expected.length, user);
  }
  t.is(await reads.unread('nowhere', 'bob'), 0);
});

test('covered messages are the newest of others’ undeleted ones in the range', async (t) => {
  for (const [from, upTo, limit] of [
    [0, 23, 100],
    [3, 9, 100],
    [3, 4, 10],
    [0, 23, 4],
    [23, 23, 5],
  ] as const) {
    const expected = room.messages
      .filter((one) => one.seq > from && one.seq <= upTo && one.senderId !== 'bob' && one.deletedAt === null)
      .slice(-limit)
      .map(counted);
    t.deepEqual(await reads.covered(room.key, 'bob', from, upTo, limit), expected, `${from}..${upTo}`);
  }
});

test('ids are located in whichever room they are, and what is no id names nothing', async (t) => {
  const [first, second] = room.messages;
  if (first === undefined || second === undefined) return t.fail();
  const found = await reads.locate([first.id, 'not-an-id', '00000000-0000-7000-8000-000000000000', second.id]);
  t.deepEqual(
    [...found].sort((a, b) => (a.id < b.id ? -1 : 1)),
    [first, second].map(({ id, key }) => ({ id, key })).sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  t.deepEqual(await reads.locate([]), []);
});

test('facts answer the needs of several rooms, and leave out what is not there', async (t) => {
  const writer = writerOn(database.connection, 'facts');
  await acquire(writer, [2]);
  const [first] = room.messages;
  if (first === undefined) return t.fail();
  const facts = await writer.facts([
    {
      key: 'nowhere',
      needs: [
        { need: 'message', id: first.id },
        { need: 'marks', userId: 'bob', below: 9 },
        { need: 'changes', since: 3, limit: 5 },
      ],
    },
    { key: 'quiet', needs: [] },
    {
      key: room.key,
      needs: [
        { need: 'message', id: first.id },
        { need: 'message', id: 'not-an-id' },
        { need: 'marks', userId: 'bob', below: 12 },
        { need: 'marks', userId: 'stranger', below: 24 },
        { need: 'changes', since: 22, limit: 10 },
      ],
    },
  ]);
  const changed = room.messages.filter(({ version }) => version > 22).map(counted);
  t.deepEqual(facts, [
    {
      messages: [],
      marks: [{ userId: 'bob', delivered: 0, read: 0, unreadBelow: 0, below: 9 }],
      changes: [{ since: 3, messages: [] }],
    },
    { messages: [], marks: [], changes: [] },
    {
      messages: [counted(first)],
      marks: [
        // past 7 and below 12: 8 dora, 9 alice, 10 bob himself, 11 __proto__
        { userId: 'bob', delivered: 20, read: 7, unreadBelow: 3, below: 12 },
        { userId: 'stranger', delivered: 0, read: 0, unreadBelow: 21, below: 24 },
      ],
      changes: [{ since: 22, messages: changed }],
    },
  ]);
  await writer.release();
});
