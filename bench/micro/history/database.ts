/** The database of a round of the history case: filled once, asked by one reader after the other, and what that cost it. */
import { readFileSync } from 'node:fs';
import type { Database } from '../../environment.js';
import { clientOf, type Postgres } from '../../postgres.js';
import { packageRoot } from '../../root.js';
import { prepareSchema } from '../../schema.js';
import { cold, long, userOf, type HistorySizes } from './rooms.js';

const sql = (name: string): string => readFileSync(`${packageRoot}/bench/sql/${name}.sql`, 'utf8');

/** What sessions did to a database. */
export interface Asked {
  readonly transactions: number;
  /** Rows and index entries that were read. */
  readonly rows: number;
}

/** A fresh database with the rooms that are read. */
export async function fill(postgres: Postgres, { coldRooms, longMessages }: HistorySizes): Promise<Database> {
  const database = await postgres.fresh();
  await prepareSchema(database);
  const client = clientOf(database);
  await client.connect();
  try {
    await client.query(sql('history-fill'), [cold.prefix, coldRooms, cold.messages, userOf(0)]);
    await client.query(sql('history-fill'), [long.prefix, 1, longMessages, userOf(0)]);
    await client.query(sql('history-settle'));
  } finally {
    await client.end();
  }
  return database;
}

/** Sessions report what they did when they end; none is left after so long (ms), or something holds on to the database. */
const sessionsEndMs = 10_000;

/** What was asked of a database so far. Waits until nobody is connected to it. */
export async function askedOf(database: Database): Promise<Asked> {
  const client = clientOf({ ...database, database: 'postgres' });
  await client.connect();
  try {
    for (const until = performance.now() + sessionsEndMs; performance.now() < until;) {
      const { rows } = await client.query<{ transactions: string; rows: string; sessions: string }>(
        sql('database-stats'),
        [database.database],
      );
      const [row] = rows;
      if (row !== undefined && Number(row.sessions) === 0)
        return { transactions: Number(row.transactions), rows: Number(row.rows) };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`somebody is still connected to ${database.database}`);
  } finally {
    await client.end();
  }
}

export function less(after: Asked, before: Asked): Asked {
  return { transactions: after.transactions - before.transactions, rows: after.rows - before.rows };
}
