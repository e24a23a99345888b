/**
 * A look into the service's own database from beside it, and two real faults there: writes that wait (so that a frame is
 * caught between its start and its commit) and connections that are cut.
 */
import pg from 'pg';
import { eventually } from './eventually.js';
import type { Env } from './service.js';

function clientFor(env: Env): pg.Client {
  const client = new pg.Client({
    host: env['DB_HOST'],
    port: Number(env['DB_PORT'] ?? 5432),
    database: env['DB_NAME'],
    user: env['DB_USER'] ?? 'postgres',
    ...(env['DB_PASSWORD'] === undefined ? {} : { password: env['DB_PASSWORD'] }),
    application_name: 'test-inspector',
  });
  // A cut connection shows in the query that uses it.
  client.on('error', () => undefined);
  return client;
}

export class Inspector {
  readonly #env: Env;
  readonly #client: pg.Client;

  private constructor(env: Env, client: pg.Client) {
    this.#env = env;
    this.#client = client;
  }

  static async open(env: Env): Promise<Inspector> {
    const client = clientFor(env);
    await client.connect();
    return new Inspector(env, client);
  }

  async rows<T extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const result = await this.#client.query<T>(sql, [...parameters]);
    return result.rows;
  }

  /**
   * Lets every write of messages wait (reads go on) until the returned function is called: frames that hold a message
   * cannot commit meanwhile.
   */
  async holdWrites(): Promise<() => Promise<void>> {
    const holder = clientFor(this.#env);
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE');
    return async () => {
      await holder.query('COMMIT');
      await holder.end();
    };
  }

  /** Resolves when at least so many of the service's connections wait for a lock. */
  async blocked(count = 1): Promise<void> {
    await eventually(async () => {
      const [row] = await this.rows<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'`,
      );
      return (row?.waiting ?? 0) >= count;
    }, 'a frame that waits for its lock');
  }

  /** Cuts every connection of the service. */
  async cutConnections(): Promise<number> {
    const rows = await this.rows<{ cut: boolean }>(
      `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
       WHERE datname = current_database() AND application_name <> 'test-inspector'`,
    );
    return rows.length;
  }

  /** seqs and ids of a room as they are stored, seq ascending. */
  messages(key: string): Promise<{ seq: number; id: string; content: string; client_msg_id: string | null }[]> {
    return this.rows(
      'SELECT seq::int AS seq, id, content, client_msg_id FROM messages WHERE room_key = $1 ORDER BY messages.seq',
      [key],
    );
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}
