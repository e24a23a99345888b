/** How the yardsticks that store keep a message: one INSERT into the service's own tables, on a pool of connections. */
import { readFileSync } from 'node:fs';
import { Pool, types } from 'pg';
import type { Database } from '../environment.js';
import { packageRoot } from '../root.js';
import type { Caller, SendRequest } from './server.js';

/** More gave nothing in trials with 8 to 80. */
const connections = 16;

export interface Rows {
  /** Commits a message with `synchronous_commit = on`. @returns its seq; null, after a line on stderr, when that failed */
  insert(caller: Caller, request: SendRequest, id: string, createdAt: Date): Promise<number | null>;
  close(): Promise<void>;
}

export function openRows(database: Database): Rows {
  const text = readFileSync(`${packageRoot}/bench/sql/one-insert.sql`, 'utf8');
  types.setTypeParser(types.builtins.INT8, Number);
  const pool = new Pool({
    host: database.host,
    port: database.port,
    user: database.user,
    database: database.database,
    ...(database.password !== null && { password: database.password }),
    max: connections,
    min: connections,
    options: '-c synchronous_commit=on',
  });
  pool.on('error', (error) => {
    console.error(error.message);
  });
  return {
    async insert({ userId, username }, { room_id, content, client_msg_id }, id, createdAt) {
      const values = [room_id, id, userId, username, content, client_msg_id ?? null, createdAt];
      try {
        const { rows } = await pool.query<{ seq: number }>({ name: 'one-insert', text, values });
        return rows[0]?.seq ?? null;
      } catch (error) {
        console.error(error instanceof Error ? error.message : error);
        return null;
      }
    },
    close: () => pool.end(),
  };
}
