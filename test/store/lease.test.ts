/** Ownership: the lease, the fence (law 6), and what becomes of a writer whose connection dies. */
import test from 'ava';
import { StoreError, type WriteFailure } from '../../src/runtime/store/port.js';
import { Session } from '../../src/runtime/store/postgres/session.js';
import { createWriter, writerSettings } from '../../src/runtime/store/postgres/writer.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { openProxy } from './proxy.js';
import { never, partitions, silent, TestRoom, writerOn } from './rooms.js';

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
  const fences = await writer.acquire([1, 2], never);
  const room = new TestRoom('fence', 1);
  await writer.append(room.frame(fences, [{}]));
  await query('update partition_owner set epoch = epoch + 1 where partition = 2');
  t.is(await failure(writer.append(room.frame(fences, [{}]))), 'fenced');
  t.is((await query('select from messages where room_key = $1', [room.key])).length, 1);
  t.is(await failure(writer.heartbeat()), 'lost', 'a fenced writer is dead');
  const fresh = await writer.acquire([1, 2], never);
  t.true(fresh.every(({ epoch }, at) => epoch > (fences[at]?.epoch ?? Infinity)));
  await writer.release();
});

test('law 6: a frame that meets an epoch being raised waits for it, and is refused', async (t) => {
  const writer = writerOn(database.connection, 'race');
  const fences = await writer.acquire([3], never);
  const room = new TestRoom('race', 3);
  await withClient(database.connection, async (client) => {
    await client.query('begin');
    await client.query('update partition_owner set epoch = epoch + 1 where partition = 3');
    const append = failure(writer.append(room.frame(fences, [{}])));
    await until("select from pg_stat_activity where application_name = 'race' and wait_event_type = 'Lock'");
    await client.query('commit');
    t.is(await append, 'fenced');
  });
  await writer.release();
});

test('law 6: raising an epoch waits for the frame that is under way', async (t) => {
  const writer = writerOn(database.connection, 'under-way');
  const fences = await writer.acquire([4], never);
  const room = new TestRoom('under-way', 4);
  await writer.append(room.frame(fences, [{}]));
  await withClient(database.connection, async (blocker) => {
    await blocker.query('begin');
    await blocker.query('select from rooms where room_key = $1 for update', [room.key]);
    const append = writer.append(room.frame(fences, [{}]));
    await until("select from pg_stat_activity where application_name = 'under-way' and wait_event_type = 'Lock'");
    const raise = query('update partition_owner set epoch = epoch + 1 where partition = 4 returning epoch');
    await until("select from pg_stat_activity where wait_event_type = 'Lock' and query like 'update partition_owner%'");
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
  const [was] = await first.acquire([5, 6], never);
  let granted = false;
  const acquiring = second.acquire([6], never).then((fences) => {
    granted = true;
    return fences;
  });
  await until(
    "select from pg_stat_activity where application_name = 'second' and query like '%pg_advisory_unlock_all%'",
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
  const fences = await first.acquire([7], never);
  const room = new TestRoom('killed', 7);
  await query(pids, ['killed']);
  const heirs = await second.acquire([7], never);
  t.is(await failure(first.append(room.frame(fences, [{}]))), 'lost');
  t.is(await failure(first.append(room.frame(fences, [{}]))), 'lost', 'and stays so');
  const fresh = new TestRoom('killed', 7);
  await second.append(fresh.frame(heirs, [{}]));
  await second.release();
  await first.release();
});

test('a frame that waits too long in the server is cancelled there: nothing was written, and the writer lives', async (t) => {
  const writer = writerOn(database.connection, 'slow', 1_000);
  const fences = await writer.acquire([8], never);
  const room = new TestRoom('slow', 8);
  await writer.append(room.frame(fences, [{}]));
  const frame = room.frame(fences, [{}]);
  await withClient(database.connection, async (blocker) => {
    await blocker.query('begin');
    await blocker.query('select from rooms where room_key = $1 for update', [room.key]);
    t.is(await failure(writer.append(frame)), 'transient');
    await blocker.query('rollback');
  });
  await writer.append(frame);
  t.is((await writer.snapshots([room.key], 5))[0]?.lastSeq, 2);
  await writer.release();
});

test('a reply that does not come within the deadline is lost; the frame is found by look-up', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'swallowed', 2_000);
  const fences = await writer.acquire([9], never);
  const room = new TestRoom('swallowed', 9);
  const frame = room.frame(fences, [{ clientMsgId: 'c1' }]);
  const answered = proxy.swallow();
  const ended = proxy.ended();
  t.is(await failure(writer.append(frame)), 'lost');
  await answered;
  t.is(await ended, 'client', 'the writer closes the connection, and does not wait for the server to do so');
  proxy.restore();
  const [fence] = await writer.acquire([9], never);
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
  const fences = await writer.acquire([10], never);
  const room = new TestRoom('cut', 10);
  const frame = room.frame(fences, [{}]);
  void proxy.swallow().then(() => proxy.cut());
  t.is(await failure(writer.append(frame)), 'lost');
  proxy.restore();
  await writer.acquire([10], never);
  t.is((await writer.snapshots([room.key], 5))[0]?.lastSeq, 1);
  await writer.release();
  await proxy.close();
});

test('a writer that is not acquired is lost, and acquiring can be given up', async (t) => {
  const writer = writerOn(database.connection, 'idle');
  t.is(await failure(writer.heartbeat()), 'lost');
  const owner = writerOn(database.connection, 'owner');
  await owner.acquire([11], never);
  const controller = new AbortController();
  const acquiring = failure(writer.acquire([11], controller.signal));
  await until("select from pg_stat_activity where application_name = 'idle'");
  controller.abort();
  t.is(await acquiring, 'transient');
  await until("select where not exists (select from pg_stat_activity where application_name = 'idle')");
  await owner.release();
});

test('acquiring goes on while the server does not answer, and ends when it does', async (t) => {
  const proxy = await openProxy(database.connection);
  const writer = writerOn(proxy.connection, 'patient', 300);
  const refusedOnce = proxy.swallow();
  const acquiring = writer.acquire([12], never);
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
  t.is(await failure(writer.acquire([1], never)), 'data');
});
