/**
 * Brings a database to the schema of this code. Safe when several processes start at once: one applies, the others wait.
 * A database that is ahead of the code, or of another lineage, is refused and left as it is.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Log } from '../../observe/log.js';
import { clientConfig, type ConnectionSettings } from './postgres/connection.js';
import { sql } from './postgres/queries.js';
import { packageRoot } from './root.js';

const folder = join(packageRoot, 'sql', 'migrations');
const migrationsTable = 'schema_migrations';

/** A process that waits longer than this for another one's migration, or for a lock on a table, gives up. */
const waitMs = 60_000;

/** The database cannot be used by this code; the message is fit to be the last line of a failed start. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/**
 * @throws SchemaError when the database is newer than the code
 */
export async function migrate(connection: ConnectionSettings, log: Log): Promise<void> {
  const client = new pg.Client(
    clientConfig(connection, { name: 'message-handling-service migrate', server: { lock_timeout: waitMs } }),
  );
  client.on('error', (error) => log.warn({ err: error.message }, 'the connection of the migrations failed'));
  await client.connect();
  try {
    // Looked at before anything is touched; looked at again after, when nobody can be in between any more.
    await refuseNewer(client, connection.database);
    const applied = await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable,
      advisoryLockMode: 'wait',
      logger: { info: () => undefined, warn: (text) => log.warn(text), error: (text) => log.error(text) },
    });
    await refuseNewer(client, connection.database);
    if (applied.length > 0)
      log.info({ migrations: applied.map(({ name }) => name) }, 'the database schema was migrated');
  } finally {
    await client.end();
  }
}

async function refuseNewer(client: pg.Client, database: string): Promise<void> {
  const { rows: tables } = await client.query<{ present: boolean }>(sql('migrations_table'), [migrationsTable]);
  if (tables[0]?.present !== true) return;
  const known = readdirSync(folder).map((file) => file.replace(/\.sql$/, ''));
  const { rows: unknown } = await client.query<{ name: string }>(sql('migrations_unknown'), [known]);
  const first = unknown[0];
  if (first === undefined) return;
  throw new SchemaError(
    `Database ${database} has migration ${first.name}, which this version does not know: it was migrated by a newer version. ` +
      'Start that version, or use another database (DB_NAME).',
  );
}

/**
 * Fixes the number of partitions of a database at its first start; a node with another number would place rooms elsewhere.
 * @throws SchemaError when the database has another number, or an encoding other than UTF-8
 */
export async function prepare(connection: ConnectionSettings, partitions: number, log: Log): Promise<void> {
  const client = new pg.Client(clientConfig(connection, { name: 'message-handling-service prepare', server: {} }));
  client.on('error', (error) => log.warn({ err: error.message }, 'the connection of the settings check failed'));
  await client.connect();
  try {
    await client.query(sql('setting_insert'), ['partitions', String(partitions)]);
    const { rows } = await client.query<{ value: string; encoding: string }>(sql('setting_read'), ['partitions']);
    const kept = rows[0];
    if (kept?.value !== String(partitions))
      throw new SchemaError(
        `PARTITIONS: database ${connection.database} was set up with ${kept?.value ?? 'no number of'} partitions, not ${partitions}; ` +
          `set PARTITIONS=${kept?.value ?? ''} on every node`,
      );
    if (kept.encoding !== 'UTF8')
      throw new SchemaError(`Database ${connection.database} has encoding ${kept.encoding}: messages need UTF8`);
  } finally {
    await client.end();
  }
}
