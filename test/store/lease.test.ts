/**
 * Ownership: the lease, the fence (law 6), and what becomes of a writer whose connection dies.
 * Long because it is one suite: each way of losing a lease has its case.
 */
import test from 'ava';
import { StoreError, type Fence, type WriteFailure } from '../../src/runtime/store/port.js';
import { Session } from '../../src/runtime/store/postgres/session.js';
import { createWriter, writerSettings } from '../../src/runtime/store/postgres/writer.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { openProxy } from './proxy.js';
import { acquire, never, partitions, silent, TestRoom, writerOn } from './rooms.js';

let database: FreshDatabase;

test.before(async () => {
  database = await freshDatabase();
});

test.after.always(() => database.drop());

async function failure(call: Promise<unknown>): Promise<WriteFailure | 'none'> {
  try {
    await call;
    return 'none';
  } catch (error) {
    if (error instanceof StoreError) return error.failure;
    throw error;
  }
}

function query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  return withClient(
    database.connection,
    async (client) => (await client.query<Row & Record<string, unknown>>(text, values)).rows,
  );
}

/** Waits until the database shows it: there is no signal for what another session waits for. */
async function until(text: string, values: unknown[] = []): Promise<void> {
  const end = Date.now() + 60_000;
  while ((await query(text, values)).length === 0) if (Date.now() > end) throw new Error(`never came true: ${text}`);
}

const pids =
  'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()';

test('law 6: a frame under an epoch that is not the latest is refused by Postgres itself', async (t) => {
  const writer = writerOn(database.connection, 'fence');
  const fences = await acquire(writer, [1, 2]);
  const room = new TestRoom('fence', 1);
  await writer.append(room.frame(fences, [{}]));
  await query('update partition_owner set epoch = epoch + 1 where partition = 2');
  t.is(await failure(writer.append(room.frame(fences, [{}]))), 'fenced');
  t.is((await query('select from messages where room_key = $1', [room.key])).length, 1);
  t.is(await failure(writer.heartbeat()), 'lost', 'a fenced writer is dead');
  const fresh = await acquire(writer, [1, 2]);
  t.true(fresh.every(({ epoch }, at) => epoch > (fences[at]?.epoch ?? Infinity)));
  await writer.release();
});

test('law 6: a frame that meets an epoch being raised waits for it, and is refused', async (t) => {
  const writer = writerOn(database.connection, 'race');
  const fences = await acquire(writer, [3]);
  const room = new TestRoom('race', 3);
  await withClient(database.connection, async (client) => {
    await client.query('begin');
    await client.query('update partition_owner set epoch = epoch + 1 where partition = 3');
    const append = failure(writer.append(room.frame(fences, [{}])));
    await until(
      "select from pg_stat_activity where datname = current_database() and application_name = 'race' and wait_event_type = 'Lock'",
    );
    await client.query('commit');
    t.is(await append, 'fenced');
  });
  await writer.release();
});

test('law 6: raising an epoch waits for the frame that is under way', async (t) => {
  const writer = writerOn(database.connection, 'under-way');
  const fences = await acquire(writer, [4]);
  const room = new TestRoom('under-way', 4);
  await writer.append(room.frame(fences, [{}]));
  await withClient(database.connection, async (blocker) => {
    await blocker.query('begin');
    await blocker.query('select from rooms where room_key = $1 for update', [room.key]);
    const append = writer.append(room.frame(fences, [{}]));
    await until(
      "select from pg_stat_activity where datname = current_database() and application_name = 'under-way' and wait_event_type = 'Lock'",
    );
    const raise = query('update partition_owner set epoch = epoch + 1 where partition = 4 returning epoch');
    await until(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'update partition_owner%'",
    );
    await blocker.query('commit');
    await append;
    t.is((await raise).length, 1);
  });
  t.is(await failure(writer.append(room.frame(fences, [{}]))), 'fenced');
  await writer.release();
});

test('law 6: a second writer waits until the first one is gone, and gets later epochs', async (t) => {
  const first = writerOn(database.connection, 'first');
  const second = writerOn(database.connection, 'second');
  const [was] = await acquire(first, [5, 6]);
  let granted = false;
  const acquiring = acquire(second, [6]).then((fences) => {
    granted = true;
    return fences;
  });
  await until(
    "select from pg_stat_activity where datname = current_database() and application_name = 'second' and state = 'idle' and query like '%pg_try_advisory_lock%'",
  );
  t.false(granted);
  await first.release();
  const [fence] = await acquiring;
  t.is(fence?.partition, 6);
  t.is(fence?.epoch, (was?.epoch ?? 0) + 1);
  await second.release();
  await t.notThrowsAsync(second.release(), 'a second release is tolerated');
});

test('a writer whose backend was terminated is lost, and another one may own its partitions', async (t) => {
  const first = writerOn(database.connection, 'killed');
  const second = writerOn(database.connection, 'heir');
  const fences = await acquire(first, [7]);
  const room = new TestRoom('killed', 7);
  await query(pids, ['killed']);
  const heirs = await acquire(second, [7]);
  t.is(await failure(first.append(room.frame(fences, [{}]))), 'lost');
  t.is(await failure(first.append(room.frame(fences, [{}]))), 'lost', 'and stays so');
  const fresh = new TestRoom('killed', 7);
  await second.append(fresh.frame(heirs, [{}]));
  await second.release();
  await first.release();
});

test('a frame that waits too long in the server is cancelled there: nothing was written, and the writer lives', async (t) => {
  const writer = writerOn(database.connection, 'slow', 5_000);
  const fences = await acquire(writer, [8]);
  const room = new TestRoom('slow', 8);
  await writer.append(room.frame(fences, [{}]));
  const frame = room.frame(fences, [{}]);
  await withClient(database.connection, async (blocker) => {
    await blocker.query('begin');
    await blocker.query('select from rooms where room_key = $1 for update', [room.key]);
    // The two time-outs of the session are the same, and either may come first.
    t.true(['slow', 'transient'].includes(await failure(writer.append(frame))));
    await blocker.query('rollback');
  });
  await writer.append(frame);
  t.is((await writer.snapshots([room.key], 5))[0]?.lastSeq, 2);
  await writer.release();
});

test('a reply that does not come within the deadline is lost; the frame is found by look-up', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'swallowed', 5_000);
  const fences = await acquire(writer, [9]);
  const room = new TestRoom('swallowed', 9);
  const frame = room.frame(fences, [{ clientMsgId: 'c1' }]);
  const answered = proxy.swallow();
  const ended = proxy.ended();
  t.is(await failure(writer.append(frame)), 'lost');
  await answered;
  t.is(await ended, 'client', 'the writer closes the connection, and does not wait for the server to do so');
  proxy.restore();
  const [fence] = await acquire(writer, [9]);
  t.is(fence?.epoch, (fences[0]?.epoch ?? 0) + 1);
  t.deepEqual(
    await writer.known(frame.created.map(({ key, id, senderId, clientMsgId }) => ({ key, id, senderId, clientMsgId }))),
    frame.created,
  );
  await writer.release();
  await proxy.close();
});

test('a connection that is cut between commit and reply is lost', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'cut');
  const fences = await acquire(writer, [10]);
  const room = new TestRoom('cut', 10);
  const frame = room.frame(fences, [{}]);
  void proxy.swallow().then(() => proxy.cut());
  t.is(await failure(writer.append(frame)), 'lost');
  proxy.restore();
  await acquire(writer, [10]);
  t.is((await writer.snapshots([room.key], 5))[0]?.lastSeq, 1);
  await writer.release();
  await proxy.close();
});

test('a writer that is not connected is lost, and connecting can be given up', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'idle', 300);
  t.is(await failure(writer.heartbeat()), 'lost');
  t.is(await failure(writer.claim([11], false)), 'lost');
  const controller = new AbortController();
  const tried = proxy.swallow();
  const connecting = failure(writer.connect(controller.signal));
  await tried;
  controller.abort();
  t.is(await connecting, 'transient');
  await proxy.close();
  await until(
    "select where not exists (select from pg_stat_activity where datname = current_database() and application_name = 'idle')",
  );
});

test('a claim takes what is free, never waits for the rest, and says so', async (t) => {
  const first = writerOn(database.connection, 'some');
  const second = writerOn(database.connection, 'rest');
  await first.connect(never);
  await second.connect(never);
  t.deepEqual(partitionsOf(await first.claim([20, 21], false)), [20, 21]);
  t.deepEqual(partitionsOf(await second.claim([21, 22], false)), [22]);
  t.deepEqual(await second.claim([21, 23], true), [], 'all or none');
  t.deepEqual(partitionsOf(await first.claim([23], true)), [23], 'what was granted of all was given back');
  await first.release();
  await second.release();
});

test('law 6: a yielded partition is free at once, the others stay, and everyone hears of it', async (t) => {
  const first = writerOn(database.connection, 'giver');
  const second = writerOn(database.connection, 'taker');
  const fences = await acquire(first, [24, 25]);
  await second.connect(never);
  const room = new TestRoom('given', 24);
  await first.append(room.frame(fences.slice(0, 1), [{}]));
  await withClient(database.connection, async (listener) => {
    await listener.query('listen dinguscord_cluster');
    const heard = new Promise<void>((resolve) => listener.once('notification', () => resolve()));
    await first.yield([24]);
    await heard;
  });
  const [fence] = await second.claim([24, 25], false);
  t.deepEqual(fence, { partition: 24, epoch: (fences[0]?.epoch ?? 0) + 1 });
  t.is(await failure(first.append(room.frame(fences.slice(0, 1), [{}]))), 'fenced', 'the former owner may not write');
  // And its session goes, with all it held, as soon as the server has noticed.
  let rest: readonly Fence[] = [];
  while (rest.length === 0) rest = await second.claim([25], false);
  t.deepEqual(partitionsOf(rest), [25]);
  await first.release();
  await second.release();
});

test('a partition that is claimed twice is free after it was yielded once', async (t) => {
  const first = writerOn(database.connection, 'twice');
  const second = writerOn(database.connection, 'once');
  const [was] = await acquire(first, [26]);
  const [now] = await first.claim([26], false);
  t.is(now?.epoch, (was?.epoch ?? 0) + 1);
  await first.yield([26]);
  await second.connect(never);
  t.is((await second.claim([26], false)).length, 1);
  await first.release();
  await second.release();
});

test('the end of a session is told even when no call waits for it', async (t) => {
  const writer = writerOn(database.connection, 'surprised');
  const lost = new Promise<void>((resolve) => writer.onLost(resolve));
  await acquire(writer, [27]);
  await query(pids, ['surprised']);
  await lost;
  t.is(await failure(writer.heartbeat()), 'lost');
});

function partitionsOf(fences: readonly Fence[]): number[] {
  return fences.map(({ partition }) => partition);
}

test('acquiring goes on while the server does not answer, and ends when it does', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'patient', 300);
  const refusedOnce = proxy.swallow();
  const acquiring = acquire(writer, [12]);
  await refusedOnce;
  proxy.restore();
  t.is((await acquiring).length, 1);
  await writer.release();
  await proxy.close();
});

test('a writer’s session commits durably, and the server ends it when it is silent', async (t) => {
  const session = new Session(database.connection, { name: 'settings', server: writerSettings(5_000) }, 20_000, silent);
  await session.connect();
  const names = [
    'synchronous_commit',
    'idle_session_timeout',
    'statement_timeout',
    'idle_in_transaction_session_timeout',
  ];
  const rows = await session.query<{ value: string }>({
    name: 'settings',
    text: 'select current_setting(name) as value from unnest($1::text[]) as name',
    values: [names],
  });
  t.deepEqual(
    rows.map(({ value }) => value),
    ['on', '10s', '4s', '10s'],
  );
  await session.end();
  t.false(session.alive);
});

test('a database that was set up with other partitions is refused at once', async (t) => {
  const other = await freshDatabase(t);
  await withClient(other.connection, (client) => client.query("insert into settings values ('partitions', '16')"));
  const writer = createWriter({
    connection: other.connection,
    name: 'p',
    deadlineMs: 20_000,
    node: 'n',
    partitions,
    log: silent,
  });
  t.is(await failure(acquire(writer, [1])), 'data');
});

test('law 6: a claim whose epoch could not be raised leaves the lock to others', async (t) => {
  const slow = writerOn(database.connection, 'slow-claim', 500);
  await slow.connect(never);
  t.is((await slow.claim([15], false)).length, 1);
  await slow.yield([15]);
  await withClient(database.connection, async (client) => {
    await client.query('begin');
    await client.query('update partition_owner set epoch = epoch + 1 where partition = 15');
    t.is(await failure(slow.claim([15], false)), 'slow');
    await client.query('rollback');
  });
  const other = writerOn(database.connection, 'other-claim');
  await other.connect(never);
  t.is((await other.claim([15], false)).length, 1);
  t.deepEqual(await slow.claim([15], false), []);
  await other.release();
  t.is((await slow.claim([15], false)).length, 1, 'and it may be tried again');
  await slow.release();
});
