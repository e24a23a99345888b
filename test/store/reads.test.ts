/** The reads' pool: it survives lost connections, bounds what waits, and gives up what hangs. */
import test from 'ava';
import { StoreError } from '../../src/runtime/store/port.js';
import { PostgresReads } from '../../src/runtime/store/postgres/reads.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { openProxy } from './proxy.js';
import { silent } from './rooms.js';

let database: FreshDatabase;

test.before(async () => {
  database = await freshDatabase();
});

test.after.always(() => database.drop());

test('reads go on after every backend was terminated', async (t) => {
  const reads = new PostgresReads({ connection: database.connection, poolSize: 4, deadlineMs: 20_000, log: silent });
  await reads.start();
  await Promise.all(Array.from({ length: 8 }, () => reads.unread('r', 'u')));
  await withClient(database.connection, (client) =>
    client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'message-handling-service reads' and datname = current_database()",
    ),
  );
  t.deepEqual(await Promise.all(Array.from({ length: 4 }, () => reads.unread('r', 'u'))), [0, 0, 0, 0]);
  await reads.stop();
});

test('a server that hangs: reads end at their deadline, those over the bound at once, and later all is well', async (t) => {
  const proxy = await openProxy(database.connection);
  const reads = new PostgresReads({ connection: proxy.connection, poolSize: 1, deadlineMs: 1_000, log: silent });
  await reads.start();
  void proxy.swallow();
  const waiting = Array.from({ length: 66 }, () => reads.unread('r', 'u').catch((error: unknown) => error));
  const over = await t.throwsAsync(reads.unread('r', 'u'), { instanceOf: StoreError });
  t.is(over.failure, 'transient');
  for (const outcome of await Promise.all(waiting)) t.true(outcome instanceof StoreError);
  proxy.restore();
  t.is(await reads.unread('r', 'u'), 0);
  await t.notThrowsAsync(reads.check());
  await reads.stop();
  await proxy.close();
});

test('a database that takes no writes fails the check', async (t) => {
  const other = await freshDatabase(t);
  const { database: name } = other.connection;
  await withClient(other.connection, (client) =>
    client.query(`alter database ${name} set default_transaction_read_only = on`),
  );
  const reads = new PostgresReads({ connection: other.connection, poolSize: 1, deadlineMs: 20_000, log: silent });
  await t.throwsAsync(reads.start(), { instanceOf: StoreError, message: /no writes/ });
  await reads.stop();
});

test('a store that is not open refuses, and stops twice without complaint', async (t) => {
  const reads = new PostgresReads({ connection: database.connection, poolSize: 1, deadlineMs: 20_000, log: silent });
  await t.throwsAsync(reads.unread('r', 'u'), { instanceOf: StoreError });
  await reads.start();
  await Promise.all([reads.stop(), reads.stop()]);
  await t.throwsAsync(reads.unread('r', 'u'), { instanceOf: StoreError });
});
