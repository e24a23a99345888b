/** Gives a yardstick's database the service's own tables and indexes, so that both pay for the same rows. */
import { createLog } from '../src/observe/log.js';
import { migrate } from '../src/runtime/store/migrate.js';
import type { Database } from './environment.js';

export async function prepareSchema(database: Database): Promise<void> {
  await migrate(database, createLog('warn', 'bench'));
}
