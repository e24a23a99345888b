/** A process that migrates the database of its environment, once it is told to: `node migrator.js`. */
import { once } from 'node:events';
import { pino } from 'pino';
import { readConfig } from '../../../src/config.js';
import { migrate, prepare } from '../../../src/runtime/store/migrate.js';
import { configuredConnection } from '../../../src/runtime/store/postgres/connection.js';

const config = readConfig();
const connection = configuredConnection(config);
if (connection === null) throw new Error('DB_HOST is not set');
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const log = pino({ level: 'silent' });
await migrate(connection, log);
await prepare(connection, config.partitions, log);
process.stdout.write('done\n');
process.exit(0);
