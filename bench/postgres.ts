/** The Postgres under all servers: one server for a whole run, a fresh database for each measurement. */
import pg from 'pg';
import { cpuOfPostgres } from './cpu.js';
import type { Database } from './environment.js';

export interface Postgres {
  /** For the record: version and the settings that decide what a commit costs. */
  readonly description: string;
  /** An empty database of its own; the server's earlier writes are flushed first, so that no measurement pays for another. */
  fresh(): Promise<Database>;
  drop(database: Database): Promise<void>;
  /** Seconds of CPU used by the whole server; null where that cannot be seen. */
  cpu(): number | null;
  close(): Promise<void>;
}

/** A client of node-postgres for a database; its errors come out of its calls. */
export function clientOf(database: Database): pg.Client {
  const { password, ...rest } = database;
  const client = new pg.Client({ ...rest, ...(password !== null && { password }) });
  client.on('error', (error) => {
    console.error(`bench: lost the database: ${error.message}`);
  });
  return client;
}

/**
 * Connects as somebody who may create databases.
 * @param where description of the server for the record
 */
export async function openPostgres(admin: Database, where: string, closed: () => Promise<void>): Promise<Postgres> {
  const client = clientOf(admin);
  await client.connect();
  const {
    rows: [row],
  } = await client.query<{ version: string; fsync: string; backend: number }>(
    `select current_setting('server_version') as version, current_setting('fsync') as fsync, pg_backend_pid() as backend`,
  );
  if (row === undefined) throw new Error('the database does not answer');
  let count = 0;
  const isLocal = admin.host.startsWith('/') || admin.host === '127.0.0.1' || admin.host === 'localhost';
  return {
    description: `PostgreSQL ${row.version} (${where}), fsync ${row.fsync}, synchronous_commit on`,
    async fresh() {
      const name = `dinguscord_bench_${process.pid}_${(count += 1)}`;
      await client.query(`create database ${name}`);
      await client.query('checkpoint');
      return { ...admin, database: name };
    },
    async drop({ database }) {
      await client.query(`drop database if exists ${database} with (force)`);
    },
    cpu: () => (isLocal ? cpuOfPostgres(row.backend) : null),
    async close() {
      await client.end();
      await closed();
    },
  };
}
