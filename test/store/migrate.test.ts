/** The schema: applied once however many processes start, refused when it is of a newer version. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { migrate, prepare, SchemaError } from '../../src/runtime/store/migrate.js';
import { freshDatabase, testServer, withClient } from '../harness/database.js';
import { startProgram } from './programs/program.js';
import { silent } from './rooms.js';

test('three processes that start at once on an empty database all succeed, and each migration is applied once', async (t) => {
  const server = testServer();
  const database = `mhs_test_empty_${randomBytes(4).toString('hex')}`;
  await withClient(server, (client) => client.query(`create database ${database} template template0 encoding 'UTF8'`));
  t.teardown(() =>
    withClient(server, (client) => client.query(`drop database ${database} with (force)`)).then(() => undefined),
  );
  const env = {
    DB_HOST: server.host,
    DB_PORT: String(server.port),
    DB_USER: server.user,
    DB_NAME: database,
    ...(server.password === null ? {} : { DB_PASSWORD: server.password }),
  };
  const programs = [1, 2, 3].map(() => startProgram('migrator', env));
  for (const program of programs) t.is(await program.line('ready'), 'ready');
  for (const { child } of programs) child.stdin?.write('go\n');
  for (const program of programs) t.is(await program.line('done'), 'done');
  const names = await withClient({ ...server, database }, async (client) =>
    (await client.query<{ name: string }>('select name from schema_migrations')).rows.map(({ name }) => name),
  );
  t.is(new Set(names).size, names.length);
  t.true(names.includes('0001_schema'));
});

test('a migrated database is left as it is', async (t) => {
  const { connection } = await freshDatabase(t);
  const applied = (): Promise<object[]> =>
    withClient(
      connection,
      async (client) => (await client.query<object>('select * from schema_migrations order by id')).rows,
    );
  const before = await applied();
  await migrate(connection, silent);
  t.deepEqual(await applied(), before);
});

test('a database of a newer version is refused with a clear message', async (t) => {
  const { connection } = await freshDatabase(t);
  await withClient(connection, (client) =>
    client.query("insert into schema_migrations (name, run_on) values ('9999_future', now())"),
  );
  const error = await t.throwsAsync(migrate(connection, silent), { instanceOf: SchemaError });
  t.regex(error.message, /9999_future.*newer version/);
});

test('the number of partitions is fixed by the first start; another one is refused, naming the variable', async (t) => {
  const { connection } = await freshDatabase(t);
  await prepare(connection, 64, silent);
  await prepare(connection, 64, silent);
  const error = await t.throwsAsync(prepare(connection, 32, silent), { instanceOf: SchemaError });
  t.regex(error.message, /^PARTITIONS: .*64 partitions, not 32/);
});
