/** Change streams on a real database: what they bring, what they hold, and how they end. */
import test from 'ava';
import type { Message } from '../../src/actors/protocol/message.js';
import { StoreError, type ChangeStream, type Fence, type Writer } from '../../src/runtime/store/port.js';
import { PostgresReads } from '../../src/runtime/store/postgres/reads.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { eventually } from '../harness/eventually.js';
import { acquire, erased, silent, TestRoom, writerOn } from './rooms.js';

let database: FreshDatabase;
let writer: Writer;
let fences: readonly Fence[];

test.before(async () => {
  database = await freshDatabase();
  writer = writerOn(database.connection, 'changes');
  fences = await acquire(writer, [0]);
});

test.after.always(async () => {
  await writer.release();
  await database.drop();
});

async function readsWith(
  t: { teardown(fn: () => Promise<void>): void },
  streams?: { atOnce: number; longestMs: number },
): Promise<PostgresReads> {
  const reads = new PostgresReads({
    connection: database.connection,
    poolSize: 2,
    deadlineMs: 20_000,
    ...(streams === undefined ? {} : { streams }),
    log: silent,
  });
  await reads.start();
  t.teardown(() => reads.stop());
  return reads;
}

async function collect(stream: ChangeStream): Promise<Message[]> {
  const all: Message[] = [];
  for (let batch = await stream.next(); batch !== null; batch = await stream.next()) all.push(...batch);
  return all;
}

async function failure(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (error instanceof StoreError) return error.failure;
    throw error;
  }
}

/** What the server says of the streams' connections. */
function sessions(): Promise<readonly { readonly state: string }[]> {
  return withClient(database.connection, async (client) => {
    const { rows } = await client.query<{ state: string }>(
      `select state from pg_stat_activity
       where datname = current_database() and application_name = 'message-handling-service catch-ups'`,
    );
    return rows;
  });
}

function knows(setting: string): Promise<boolean> {
  return withClient(database.connection, async (client) => {
    const { rowCount } = await client.query('select from pg_settings where name = $1', [setting]);
    return rowCount === 1;
  });
}

/** Serial, since the writer takes one frame at a time. */
async function room(key: string, length: number): Promise<TestRoom> {
  const made = new TestRoom(key);
  for (let left = length; left > 0; left -= 1_000)
    await writer.append(
      made.frame(
        fences,
        Array.from({ length: Math.min(left, 1_000) }, () => ({})),
      ),
    );
  return made;
}

test.serial(
  'it brings every message that changed since a version once, in order, and says where the room stands',
  async (t) => {
    const reads = await readsWith(t);
    const one = await room('one', 30);
    await writer.append(
      one.frame(
        fences,
        [{ senderId: 'bob' }],
        [
          { seq: 3, content: 'edited', editedAt: 5 },
          { seq: 29, ...erased(6) },
          { seq: 7, ...erased(7) },
        ],
        [{ key: one.key, userId: 'bob', delivered: 9, read: 4 }],
      ),
    );
    const counted = one.messages.map((message) => ({
      ...message,
      deliveredCount: message.senderId !== 'bob' && message.seq <= 9 ? 1 : 0,
      readCount: message.senderId !== 'bob' && message.seq <= 4 ? 1 : 0,
    }));
    for (let since = 0; since <= one.version + 1; since += 1) {
      const stream = await reads.changeStream(one.key, since);
      t.deepEqual([stream.lastSeq, stream.lastVersion], [31, 34]);
      const expected = counted.filter(({ version }) => version > since);
      t.deepEqual(await collect(stream), expected, `since ${since}`);
    }
    const nothing = await reads.changeStream('nowhere', 0);
    t.deepEqual([nothing.lastSeq, nothing.lastVersion], [0, 0]);
    t.deepEqual(await collect(nothing), []);
  },
);

test.serial(
  'law 11: content that is erased while it is being read is not told; later messages are left to the next one',
  async (t) => {
    const reads = await readsWith(t);
    const long = await room('long', 5_000);
    const stream = await reads.changeStream(long.key, 0);
    t.is((await stream.next())?.length, 200);
    await writer.append(
      long.frame(
        fences,
        [{ content: 'later' }],
        [
          { seq: 250, ...erased(1) },
          { seq: 4_900, ...erased(2) },
        ],
      ),
    );
    const rest = await collect(stream);
    t.is(stream.lastVersion, 5_000);
    t.is(rest.length, 4_800);
    t.deepEqual(
      rest.filter(({ deletedAt }) => deletedAt !== null).map(({ seq, content }) => [seq, content]),
      [
        [250, ''],
        [4_900, ''],
      ],
    );
    const next = await reads.changeStream(long.key, stream.lastVersion);
    t.deepEqual(
      (await collect(next)).map(({ seq, version }) => [seq, version]),
      [
        [250, 5_002],
        [4_900, 5_003],
        [5_001, 5_001],
      ],
    );
  },
);

test.serial(
  'law 9: so many at once, and the place of one that ended, was closed or failed is free again',
  async (t) => {
    const reads = await readsWith(t, { atOnce: 2, longestMs: 60_000 });
    await room('busy', 5_000);
    const [first, second] = [await reads.changeStream('busy', 0), await reads.changeStream('busy', 0)];
    t.is(await failure(reads.changeStream('busy', 0)), 'transient');
    await collect(first);
    const third = await reads.changeStream('busy', 0);
    second.close();
    second.close();
    t.is(await failure(second.next()), 'lost');
    const fourth = await reads.changeStream('busy', 0);
    const call = third.next();
    third.close();
    await failure(call);
    await eventually(async () => (await sessions()).length <= 2, 'closed streams leave the server');
    fourth.close();
    const fifth = await reads.changeStream('busy', 4_999);
    t.is((await collect(fifth)).length, 1);
  },
);

test.serial('closing one in the middle ends its statement on the server', async (t) => {
  const reads = await readsWith(t);
  await room('cut', 5_000);
  const stream = await reads.changeStream('cut', 0);
  await stream.next();
  t.deepEqual(await sessions(), [{ state: 'active' }]);
  stream.close();
  await eventually(async () => (await sessions()).length === 0, 'the end of the statement');
  t.pass();
});

test.serial('a short one gives its connection back before it is read', async (t) => {
  const reads = await readsWith(t, { atOnce: 1, longestMs: 60_000 });
  await room('short', 300);
  const stream = await reads.changeStream('short', 0);
  t.deepEqual(await sessions(), [{ state: 'idle' }]);
  t.is((await collect(stream)).length, 300);
});

test.serial('the database itself ends one that takes too long, and a connection that is lost ends it', async (t) => {
  const reads = await readsWith(t, { atOnce: 2, longestMs: 300 });
  await room('slow', 5_000);
  const slow = await reads.changeStream('slow', 0);
  if (await knows('transaction_timeout'))
    await eventually(async () => (await sessions()).length === 0, 'the end of the transaction');
  // Older servers notice at the next read.
  else await withClient(database.connection, (client) => client.query('select pg_sleep(0.5)'));
  t.true(['lost', 'slow'].includes((await failure(collect(slow))) ?? ''));

  const other = await readsWith(t);
  const lost = await other.changeStream('slow', 0);
  await withClient(database.connection, (client) =>
    client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'message-handling-service catch-ups'`,
    ),
  );
  t.is(await failure(collect(lost)), 'lost');
  t.is((await collect(await other.changeStream('slow', 4_990))).length, 10);
});
