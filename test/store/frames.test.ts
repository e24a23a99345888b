/** The frame: one transaction, whole or not at all (law 7), compare-and-set (law 2), duplicates (law 3), watermarks (law 8). */
import test from 'ava';
import { uuidv7 } from 'uuidv7';
import { StoreError, type Append, type Fence, type WriteFailure, type Writer } from '../../src/runtime/store/port.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { acquire, erased, message, TestRoom, together, writerOn } from './rooms.js';

let database: FreshDatabase;
let writer: Writer;
let fences: readonly Fence[];

test.before(async () => {
  database = await freshDatabase();
  writer = writerOn(database.connection, 'frames');
  fences = await acquire(writer, [0, 1, 2]);
});

test.after.always(async () => {
  await writer.release();
  await database.drop();
});

/** The failure of a frame, after which the store must hold exactly what it held before. */
async function refused(append: Append): Promise<WriteFailure | 'none'> {
  const before = await contents();
  const error: unknown = await writer.append(append).then(
    () => null,
    (reason: unknown) => reason,
  );
  const after = await contents();
  if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error('a refused frame left something behind');
  return error instanceof StoreError ? error.failure : 'none';
}

/** Everything of the rooms of the calling test is enough, but everything of all is as easy to compare: tests here are serial. */
async function contents(): Promise<unknown> {
  return withClient(database.connection, async (client) => {
    const rooms = await client.query('select room_key, last_seq, last_version from rooms order by 1');
    const messages = await client.query('select room_key, seq, id, version, content from messages order by 1, 2');
    const receipts = await client.query('select * from receipts order by 1, 2');
    return [rooms.rows, messages.rows, receipts.rows];
  });
}

async function receiptsOf(key: string): Promise<unknown[]> {
  return withClient(database.connection, async (client) => {
    const { rows } = await client.query<{ user_id: string; delivered_seq: number; read_seq: number }>(
      'select user_id, delivered_seq, read_seq from receipts where room_key = $1 order by 1',
      [key],
    );
    return rows.map((row) => [row.user_id, row.delivered_seq, row.read_seq]);
  });
}

test.serial('a message comes back from the store exactly as it was written', async (t) => {
  const room = new TestRoom('\u001fanna\u001fbob "\\ {},', 1);
  const odd = 'NULL "quoted" \\back\\ {braces}, comma\n\ttab 😀 é \u001f';
  await writer.append(
    room.frame(fences, [
      { content: odd, senderId: 'NULL', senderName: '', receiverId: 'x"y', clientMsgId: 'c,1', replyTo: uuidv7() },
      {
        content: 'NULL',
        senderDisplayName: 'Ann\\',
        metadata: '{"b":1,  "a":"\\u0000\\ud800","b":2}',
        messageType: 'image',
      },
      { ...erased(1_790_000_000_123), createdAt: 1_790_000_000_001 },
      { editedAt: 1_790_000_000_999, createdAt: 999 },
    ]),
  );
  const [snapshot] = await writer.snapshots([room.key], 50);
  t.deepEqual(snapshot, { key: room.key, lastSeq: 4, lastVersion: 4, recent: room.messages });
});

test.serial('law 7: one bad value keeps every message of the frame out', async (t) => {
  const good = new TestRoom('whole-good');
  await writer.append(good.frame(fences, [{}]));
  const rest = good.frame(fences, [{}, {}], [], [{ key: good.key, userId: 'bob', delivered: 1, read: 1 }]);
  // Refused while the values are read, while they are inserted, and by a constraint.
  for (const bad of [{ content: 'a\u0000b' }, { metadata: '{"a":' }, { content: 'kept', deletedAt: 1 }])
    t.is(await refused(together(rest, new TestRoom('whole-bad').frame(fences, [bad]))), 'data');
  t.is((await writer.snapshots([good.key], 10))[0]?.lastSeq, 1);
  await writer.append(rest);
  t.is((await writer.snapshots([good.key], 10))[0]?.lastSeq, 3, 'the same frame without it is taken');
});

test.serial('law 7: a late failure of a frame takes back its earlier rooms, messages and receipts', async (t) => {
  const room = new TestRoom('late');
  await writer.append(room.frame(fences, [{}]));
  const frame = room.frame(fences, [{}], [], [{ key: room.key, userId: 'bob', delivered: 1, read: 1 }]);
  const absent = message(room.key, 1, { id: uuidv7(), version: 9 });
  t.is(await refused({ ...frame, changed: [absent] }), 'stale');
});

test.serial('a room that does not stand where the frame thinks is refused as stale', async (t) => {
  const room = new TestRoom('cas');
  await writer.append(room.frame(fences, [{}, {}]));
  const frame = room.frame(fences, [{}]);
  const [step] = frame.rooms;
  if (step === undefined) return t.fail();
  t.is(await refused({ ...frame, rooms: [{ ...step, fromSeq: 1, toSeq: 2 }] }), 'stale');
  t.is(await refused({ ...frame, rooms: [{ ...step, fromVersion: 3 }] }), 'stale');
  t.is(
    await refused({ ...frame, rooms: [{ ...step, fromSeq: 0, fromVersion: 0, toSeq: 1 }] }),
    'stale',
    'as if it were new',
  );
  t.is(await refused({ ...frame, rooms: [{ ...step, key: 'cas-absent' }] }), 'stale', 'a room that is not there');
  await writer.append(frame);
  t.pass();
});

test.serial('law 2: messages that do not fill the new seqs of their rooms are refused', async (t) => {
  const room = new TestRoom('gap');
  const frame = room.frame(fences, [{}, {}]);
  t.is(await refused({ ...frame, created: frame.created.slice(1) }), 'stale', 'a seq without a message');
  t.is(await refused({ ...frame, rooms: [] }), 'stale', 'messages without a step');
});

test.serial('law 2: a seq that is taken is refused as stale, not as a repeated message', async (t) => {
  const room = new TestRoom('taken');
  await writer.append(room.frame(fences, [{}]));
  const frame = room.frame(fences, [{}]);
  t.is(await refused({ ...frame, created: [message(room.key, 1)] }), 'stale');
});

test.serial('law 3: a repeated id or client_msg_id is a duplicate, and known() finds the original', async (t) => {
  const room = new TestRoom('twice');
  await writer.append(room.frame(fences, [{ clientMsgId: 'c1' }, {}]));
  const [first, second] = room.messages;
  if (first === undefined || second === undefined) return t.fail();
  const copy = Object.assign(new TestRoom(room.key), { version: 2, messages: [...room.messages] });
  t.is(await refused(copy.frame(fences, [{ clientMsgId: 'c1' }])), 'duplicate');
  const again = Object.assign(new TestRoom(room.key), { version: 2, messages: [...room.messages] });
  t.is(await refused(again.frame(fences, [{ id: first.id }])), 'duplicate');

  const ask = { key: room.key, id: uuidv7(), senderId: 'alice', clientMsgId: null };
  t.deepEqual(
    await writer.known([
      { ...ask, clientMsgId: 'c1' },
      { ...ask, id: second.id },
      ask,
      { ...ask, clientMsgId: 'c1', senderId: 'bob' },
      { ...ask, clientMsgId: 'c1', key: 'elsewhere' },
      { ...ask, id: first.id, key: 'elsewhere' },
    ]),
    [first, second, null, null, null, null],
  );
});

test.serial('a client_msg_id may be used by another sender and in another room', async (t) => {
  const room = new TestRoom('same-client-id');
  const other = new TestRoom('same-client-id-2');
  await writer.append(
    together(
      room.frame(fences, [{ clientMsgId: 'c' }, { clientMsgId: 'c', senderId: 'bob' }]),
      other.frame(fences, [{ clientMsgId: 'c' }]),
    ),
  );
  t.pass();
});

test.serial('an edit and a delete replace the message and take the versions of the frame', async (t) => {
  const room = new TestRoom('changes');
  await writer.append(room.frame(fences, [{ metadata: '{"a":1}' }, {}, {}]));
  await writer.append(
    room.frame(
      fences,
      [{}],
      [
        { seq: 1, ...erased(5_000) },
        { seq: 3, content: 'new', editedAt: 6_000 },
      ],
    ),
  );
  const [snapshot] = await writer.snapshots([room.key], 10);
  t.deepEqual(snapshot, { key: room.key, lastSeq: 4, lastVersion: 6, recent: room.messages });
});

test.serial('law 11: the database itself refuses a deleted message with content', async (t) => {
  const room = new TestRoom('erased');
  await writer.append(room.frame(fences, [{}]));
  t.is(await refused(room.frame(fences, [], [{ seq: 1, deletedAt: 5_000 }])), 'data');
});

test.serial('law 8: watermarks only grow, never pass last_seq, and read implies delivered', async (t) => {
  const room = new TestRoom('marks');
  await writer.append(room.frame(fences, [{}, {}, {}, {}]));
  const mark = (userId: string, delivered: number, read: number): Promise<void> =>
    writer.append(room.frame(fences, [], [], [{ key: room.key, userId, delivered, read }]));
  await mark('bob', 3, 2);
  await mark('bob', 1, 1);
  await mark('carl', 99, 98);
  await mark('dora', 0, 3);
  t.deepEqual(await receiptsOf(room.key), [
    ['bob', 3, 2],
    ['carl', 4, 4],
    ['dora', 3, 3],
  ]);
  await mark('bob', 0, 3);
  t.deepEqual((await receiptsOf(room.key))[0], ['bob', 3, 3]);
});

test.serial(
  'law 8: two receipts of one user in a frame merge, and a receipt counts the messages of its own frame',
  async (t) => {
    const room = new TestRoom('marks-merge');
    const receipt = { key: room.key, userId: 'bob' };
    await writer.append(
      room.frame(
        fences,
        [{}, {}],
        [],
        [
          { ...receipt, delivered: 2, read: 0 },
          { ...receipt, delivered: 1, read: 1 },
        ],
      ),
    );
    t.deepEqual(await receiptsOf(room.key), [['bob', 2, 1]]);
  },
);

test.serial('a receipt in a room without messages marks nothing', async (t) => {
  await writer.append({
    fences,
    rooms: [],
    created: [],
    changed: [],
    receipts: [{ key: 'empty', userId: 'bob', delivered: 5, read: 5 }],
  });
  t.deepEqual(await receiptsOf('empty'), []);
});

test.serial('metadata that is not JSON is refused as data', async (t) => {
  const room = new TestRoom('metadata');
  t.is(await refused(room.frame(fences, [{ metadata: '{"a":' }])), 'data');
});
