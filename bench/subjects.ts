/** The servers that are compared: the service and its yardsticks, each a process of its own, told apart by nothing else. */
import { randomBytes } from 'node:crypto';
import { freePort, startServer, type Running } from './child.js';
import { givenNeighbours, yardstickVariable, type Database, type YardstickSettings } from './environment.js';
import { buildRoot, packageRoot } from './root.js';

/** In the order of a round and of the tables. */
export const subjectNames = ['service', 'plain', 'one-insert', 'layered'] as const;
export type SubjectName = (typeof subjectNames)[number];

export const subjectTitles: Readonly<Record<SubjectName, string>> = {
  service: 'this service',
  plain: 'plain Socket.IO, nothing stored',
  'one-insert': 'one INSERT per message',
  layered: 'classical layered service',
};

/** Whether a server needs the service's tables before it starts; the service brings its own. */
export function needsSchema(name: SubjectName): boolean {
  return name === 'one-insert' || name === 'layered';
}

export interface Started extends Running {
  readonly secret: string;
}

/** Settings of the service under test: limits out of the way, everything else as it comes. */
const serviceSettings = {
  NODE_ENV: 'production',
  ROOM_ACCESS: 'open',
  LOG_LEVEL: 'warn',
  RATE_LIMIT_ENABLED: 'false',
  HOST: '127.0.0.1',
  SOCKETS_PER_USER: '1000',
  SOCKET_BUFFER_BYTES: String(64 * 1024 * 1024),
  SHUTDOWN_GRACE_MS: '20000',
} as const;

/** As in `npm start` and the image; yardsticks get the same. */
const startFlags = ['--max-semi-space-size=32', '--min-semi-space-size=16'];

/**
 * Starts a server on a database.
 * @param extra settings of the service beyond those of every case (yardsticks have none)
 * @param flags Node flags beyond `young`
 * @param young those that size the young generation; none are Node's defaults
 */
export async function startSubject(
  name: SubjectName,
  database: Database,
  outputFile: string,
  extra: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
  young: readonly string[] = startFlags,
): Promise<Started> {
  const port = await freePort();
  const secret = randomBytes(32).toString('hex');
  if (name === 'service') {
    const env = {
      ...serviceSettings,
      PORT: String(port),
      JWT_SECRET: secret,
      DB_HOST: database.host,
      DB_PORT: String(database.port),
      DB_USER: database.user,
      DB_NAME: database.database,
      ...(database.password !== null && { DB_PASSWORD: database.password }),
      ...extra,
    };
    return {
      ...(await startServer([...young, ...flags, `${buildRoot}/src/main.js`], port, env, outputFile)),
      secret,
    };
  }
  const settings: YardstickSettings = { port, secret, database, neighbours: givenNeighbours() };
  const env = { NODE_ENV: 'production', [yardstickVariable]: JSON.stringify(settings) };
  return {
    ...(await startServer([...young, ...flags, `${import.meta.dirname}/yardsticks/${name}.js`], port, env, outputFile)),
    secret,
  };
}

/** The very command line of a server, for the record. */
export function commandOf(name: SubjectName): string {
  const script = name === 'service' ? `${buildRoot}/src/main.js` : `${import.meta.dirname}/yardsticks/${name}.js`;
  return `node ${startFlags.join(' ')} ${script.slice(packageRoot.length + 1)}`;
}

export { serviceSettings };
