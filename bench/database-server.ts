/** Which Postgres a run uses: the one that is named, or an embedded one of its own. */
import { givenDatabase } from './environment.js';
import { openPostgres, type Postgres } from './postgres.js';

export async function openDatabaseServer(): Promise<Postgres> {
  const given = givenDatabase() ?? {
    host: '127.0.0.1',
    port: 5432,
    user: 'postgres',
    password: null,
    database: 'postgres',
  };
  return openPostgres(given, given.host, () => Promise.resolve());
}
