/**
 * The store as one service: the embedded server where none is configured, the database, its schema, and the reads of the edges.
 * The shards open their writers themselves, in their threads, with the `connection` from here.
 */
import pg from 'pg';
import type { Config } from '../../config.js';
import type { Log } from '../../observe/log.js';
import type { Service } from '../lifecycle.js';
import { EmbeddedPostgres } from './embedded/server.js';
import { migrate, prepare } from './migrate.js';
import type { ReadStore } from './port.js';
import { clientConfig, configuredConnection, type ConnectionSettings } from './postgres/connection.js';
import { sql } from './postgres/queries.js';
import { PostgresReads } from './postgres/reads.js';

export interface Store extends Pick<Service, 'name' | 'stop'> {
  readonly connection: ConnectionSettings;
  readonly reads: ReadStore;
}

/** Connections beside the writers and the reads: migrations, operators. */
const spareConnections = 16;

/**
 * Opens everything, or nothing.
 * @throws with a message that is fit to be the last line of a failed start
 */
export async function openStore(config: Config, log: Log): Promise<Store> {
  const configured = configuredConnection(config);
  const server =
    configured === null
      ? new EmbeddedPostgres({
          dataDir: config.dataDir,
          database: config.dbName,
          // A restarted worker's old sessions may linger beside its new ones.
          maxConnections:
            2 * config.workerThreads * config.shardsPerWorker +
            config.dbPoolSize +
            config.catchUpStreams +
            spareConnections,
          log,
        })
      : null;
  try {
    await server?.start();
    const connection = server?.connection ?? configured;
    if (connection === null) throw new Error('There is no database to connect to');
    await ensureDatabase(connection, log);
    await migrate(connection, log);
    await prepare(connection, config.partitions, log);
    const reads = new PostgresReads({
      connection,
      poolSize: config.dbPoolSize,
      deadlineMs: config.frameDeadlineMs,
      // A little longer than their readers are given, so that it is said why one ends.
      streams: { atOnce: config.catchUpStreams, longestMs: config.catchUpStreamMs + config.catchUpIdleMs },
      log,
    });
    await reads.start();
    return {
      name: 'store',
      connection,
      reads,
      stop: async () => {
        await reads.stop();
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

const duplicateDatabase = '42P04';
const uniqueViolation = '23505';

/** Makes the database if it is missing. Where the maintenance database may not be entered, the database must be there already. */
async function ensureDatabase(connection: ConnectionSettings, log: Log): Promise<void> {
  const session = { name: 'message-handling-service', server: {} };
  const client = new pg.Client(clientConfig({ ...connection, database: 'postgres' }, session));
  client.on('error', (error) => log.warn({ err: error.message }, 'the maintenance connection failed'));
  try {
    await client.connect();
  } catch (error) {
    if (!(error instanceof pg.DatabaseError))
      throw new Error(
        `DB_HOST: the database server ${connection.host}:${connection.port} does not answer (${String(error)})`,
        {
          cause: error,
        },
      );
    log.debug({ err: error.message }, 'the maintenance database may not be entered');
    return;
  }
  try {
    const { rows } = await client.query<{ present: boolean }>(sql('database_exists'), [connection.database]);
    if (rows[0]?.present === true) return;
    const { rows: made } = await client.query<{ statement: string }>(sql('database_create'), [connection.database]);
    for (const { statement } of made) await client.query(statement);
    log.info({ database: connection.database }, 'the database was created');
  } catch (error) {
    // Another process that starts now was quicker.
    if (error instanceof pg.DatabaseError && (error.code === duplicateDatabase || error.code === uniqueViolation))
      return;
    throw new Error(`Database ${connection.database} is missing and could not be created: ${String(error)}`, {
      cause: error,
    });
  } finally {
    await client.end();
  }
}
