/** Which Postgres a run uses: the one that is named, or an embedded one of its own, fresh and with fsync on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createLog } from '../src/observe/log.js';
import { EmbeddedPostgres } from '../src/runtime/store/embedded/server.js';
import { givenDatabase } from './environment.js';
import { openPostgres, type Postgres } from './postgres.js';

/** The service's shards, its pool of reads, a yardstick's pool and the bench itself stay far below. */
const maxConnections = 100;

/**
 * @param folder where an embedded server may keep its data, on the disk that shall be measured
 */
export async function openDatabaseServer(folder: string): Promise<Postgres> {
  const given = givenDatabase();
  if (given !== null) return openPostgres(given, `at ${given.host}`, () => Promise.resolve());
  const dataDir = mkdtempSync(`${folder}/database-`);
  const embedded = new EmbeddedPostgres({
    dataDir,
    database: 'postgres',
    maxConnections,
    fsync: true,
    log: createLog('error', 'bench'),
  });
  const close = async () => {
    await embedded.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await embedded.start();
    return await openPostgres(embedded.connection, 'embedded', close);
  } catch (error) {
    await close();
    throw error;
  }
}
