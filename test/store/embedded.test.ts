/** The embedded server: nothing committed is lost when its service is killed, and a data folder has one owner. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { EmbeddedPostgres } from '../../src/runtime/store/embedded/server.js';
import { PostgresReads } from '../../src/runtime/store/postgres/reads.js';
import { withClient } from '../harness/database.js';
import { startProgram } from './programs/program.js';
import { silent } from './rooms.js';

/** A folder that is gone after the test, below a folder that only we may enter. */
function dataFolder(t: { teardown: (fn: () => void) => void }, inside = 'data'): string {
  const root = mkdtempSync(join(tmpdir(), 'mhs-embedded-'));
  chmodSync(root, 0o700);
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  return join(root, inside);
}

function embedded(dataDir: string, patienceMs = 60_000): EmbeddedPostgres {
  return new EmbeddedPostgres({
    dataDir,
    database: 'postgres',
    maxConnections: 40,
    fsync: false,
    patienceMs,
    log: silent,
  });
}

test('a service killed with -9 again and again loses nothing that was committed', async (t) => {
  const dataDir = dataFolder(t);
  let committed = 0;
  for (let round = 0; round < 3; round += 1) {
    const service = startProgram('service', { DATA_DIR: dataDir });
    const opened = Number((await service.line('open'))?.split(' ')[1]);
    // The last line may not have been read, or not said, before the kill: the store may be ahead, never behind.
    t.true(opened >= committed, `round ${round}: ${opened} after ${committed}`);
    for (let count = 0; count < 5; count += 1) committed = Number((await service.line('committed'))?.split(' ')[1]);
    service.child.kill('SIGKILL');
    await service.exited;
  }
  const server = embedded(dataDir);
  await server.start();
  t.teardown(() => server.stop());
  const { rows } = await withClient({ ...server.connection, database: 'dinguscord_messages' }, (client) =>
    client.query<{ last: number; count: number }>(
      'select last_seq as last, (select count(*) from messages where room_key = $1) as count from rooms where room_key = $1',
      ['r'],
    ),
  );
  t.true((rows[0]?.last ?? 0) >= committed);
  t.is(rows[0]?.count, rows[0]?.last, 'gapless');
});

test('a second service on the same data folder is refused with a clear message, and harms nothing', async (t) => {
  const dataDir = dataFolder(t);
  const server = embedded(dataDir);
  await server.start();
  t.teardown(() => server.stop());
  const second = startProgram('service', { DATA_DIR: dataDir });
  const said = await second.line('failed');
  t.regex(said ?? '', /DATA_DIR .* is in use by the service with process id \d+\. Stop it, or use another DATA_DIR\./);
  await second.exited;
  await withClient(server.connection, (client) => client.query('select 1'));
  const error = await t.throwsAsync(embedded(dataDir, 0).start());
  t.regex(error.message, /is in use/);
  await withClient(server.connection, (client) => client.query('select 1'));
});

test('it stops and starts again, tolerates stops that find nothing, and leaves no socket', async (t) => {
  const dataDir = dataFolder(t);
  const server = embedded(dataDir);
  await server.stop();
  await server.start();
  await server.start();
  await withClient(server.connection, (client) => client.query('create table kept as select 1'));
  await Promise.all([server.stop(), server.stop()]);
  t.throws(() => server.connection);
  await server.start();
  await withClient(server.connection, (client) => client.query('select from kept'));
  await server.stop();
  t.deepEqual(readdirSync(join(dataDir, 'postgres', 'socket')), []);
});

test('a data folder too deep for a socket works, and its temporary socket folder goes with the server', async (t) => {
  const deep = join('deep'.repeat(20), 'data');
  const server = embedded(dataFolder(t, deep));
  await server.start();
  const { host } = server.connection;
  t.true(host.startsWith(tmpdir()));
  await withClient(server.connection, (client) => client.query('select 1'));
  await server.stop();
  t.throws(() => readdirSync(host));
});

test('a data folder that cannot be made is refused at once, in one line that names the variable', async (t) => {
  const file = dataFolder(t, 'file');
  writeFileSync(file, '');
  for (const dataDir of [file, join(file, 'below'), '/proc/none/below']) {
    const error = await t.throwsAsync(embedded(dataDir).start());
    t.regex(error.message, /^DATA_DIR cannot be used: [^\n]+$/);
  }
});

test('an interrupted first start leaves nothing to trip over', async (t) => {
  const dataDir = dataFolder(t);
  mkdirSync(join(dataDir, 'postgres', 'nursery-left', 'cluster'), { recursive: true });
  const server = embedded(dataDir);
  await server.start();
  t.is((await withClient(server.connection, (client) => client.query('select 1'))).rowCount, 1);
  await server.stop();
  await server.start();
  await server.stop();
  t.deepEqual(readdirSync(join(dataDir, 'postgres')).sort(), ['cluster', 'socket']);
});

test('a server that dies is started again, and the reads get through', async (t) => {
  const dataDir = dataFolder(t);
  const server = embedded(dataDir);
  await server.start();
  t.teardown(() => server.stop());
  const reads = new PostgresReads({ connection: server.connection, poolSize: 3, deadlineMs: 10_000, log: silent });
  await reads.start();
  t.teardown(() => reads.stop());
  await Promise.all([reads.check(), reads.check(), reads.check()]);
  const pid = Number(readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGKILL');
  const end = Date.now() + 60_000;
  for (;;) {
    const answered = await reads.check().then(
      () => true,
      () => false,
    );
    const now = Number(
      readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), { encoding: 'utf8', flag: 'a+' }).split(
        '\n',
      )[0],
    );
    if (answered && now !== pid) break;
    if (Date.now() > end) return t.fail('it did not come back');
  }
  t.pass();
});
