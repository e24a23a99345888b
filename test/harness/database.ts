/**
 * Databases for tests: each a fresh clone of a migrated template (25-50 ms). Which server: the one that the test run passes in
 * TEST_DB_*; a test file that is run alone uses DB_HOST, or a server on 127.0.0.1.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { migrate } from '../../src/runtime/store/migrate.js';
import { clientConfig, type ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { packageRoot } from '../../src/runtime/store/root.js';

/** What a test needs of ava's `t`. */
interface Teardown {
  readonly teardown: (fn: () => void | Promise<void>) => void;
}

export interface FreshDatabase {
  readonly connection: ConnectionSettings;
  /** For a spawned service. */
  readonly env: Record<string, string>;
  /** Ends every session in it, too. */
  drop(): Promise<void>;
}

const maintenance = 'postgres';
/** Held while the template is looked up or made, so that test files which start at once make one. */
const templateLock = 7_305_512;

/** The server of this test run; its `database` is the maintenance database. */
export function testServer(env: Readonly<Record<string, string | undefined>> = process.env): ConnectionSettings {
  return {
    host: env['TEST_DB_HOST'] ?? env['DB_HOST'] ?? '127.0.0.1',
    port: Number(env['TEST_DB_PORT'] ?? env['DB_PORT'] ?? 5432),
    user: env['TEST_DB_USER'] ?? env['DB_USER'] ?? 'postgres',
    password: env['TEST_DB_PASSWORD'] ?? env['DB_PASSWORD'] ?? null,
    database: maintenance,
  };
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(
  connection: ConnectionSettings,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(clientConfig(connection, { name: 'test', server: {} }));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * The name of the migrated template, made if it is missing; another state of the migrations has another name.
 * @param owner told apart from the templates of other runs
 */
export async function ensureTemplate(server: ConnectionSettings, owner = 'shared'): Promise<string> {
  const folder = join(packageRoot, 'sql', 'migrations');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  const template = `mhs_template_${hash.digest('hex').slice(0, 12)}_${owner}`;
  await withClient(server, async (client) => {
    await client.query('select pg_advisory_lock($1)', [templateLock]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
    if (rowCount === 1) return;
    // Made under another name first: a run that is interrupted leaves no half-migrated template behind.
    const unfinished = `${template}_new`;
    await client.query(`drop database if exists ${unfinished} with (force)`);
    await client.query(`create database ${unfinished} template template0 encoding 'UTF8'`);
    await migrate({ ...server, database: unfinished }, pino({ level: 'silent' }));
    await client.query(`alter database ${unfinished} rename to ${template}`);
  });
  return template;
}

/** A database of its own for a test file; given `t`, it is dropped at the end of the test. */
export async function freshDatabase(t?: Teardown): Promise<FreshDatabase> {
  const server = testServer();
  const template = process.env['TEST_DB_TEMPLATE'] ?? (await ensureTemplate(server));
  const database = `mhs_test_${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
  await withClient(server, (client) => client.query(`create database ${database} template ${template}`));
  const fresh: FreshDatabase = {
    connection: { ...server, database },
    env: {
      DB_HOST: server.host,
      DB_PORT: String(server.port),
      DB_NAME: database,
      DB_USER: server.user,
      ...(server.password === null ? {} : { DB_PASSWORD: server.password }),
    },
    drop: async () => {
      await withClient(server, (client) => client.query(`drop database if exists ${database} with (force)`));
    },
  };
  t?.teardown(() => fresh.drop());
  return fresh;
}
