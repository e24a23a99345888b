/** The only reader of the environment in the bench: where the servers beside it are, and what a yardstick is told by the harness. */
import type { ConnectionSettings } from '../src/runtime/store/postgres/connection.js';

/** Connection of the servers under test, the same for all of them. */
export type Database = ConnectionSettings;

/** The servers beside Postgres: the layered yardstick uses them, and the service in the cluster case. */
export interface Neighbours {
  readonly redis: { readonly host: string; readonly port: number };
  /** An AMQP URL; it may hold a password. */
  readonly rabbitmq: string;
}

/** What a yardstick process gets from the harness. */
export interface YardstickSettings {
  readonly port: number;
  readonly secret: string;
  readonly database: Database;
  readonly neighbours: Neighbours;
}

/** Name of the variable that holds the settings of a yardstick as JSON; argv would show the password to everybody. */
export const yardstickVariable = 'BENCH_YARDSTICK';

/** The Postgres named by BENCH_DB_HOST, BENCH_DB_PORT, BENCH_DB_USER, BENCH_DB_PASSWORD; null for an embedded one. */
export function givenDatabase(): Database | null {
  const { env } = process;
  const host = env['BENCH_DB_HOST'];
  if (host === undefined || host === '') return null;
  return {
    host,
    port: Number(env['BENCH_DB_PORT'] ?? 5432),
    user: env['BENCH_DB_USER'] ?? 'postgres',
    password: env['BENCH_DB_PASSWORD'] ?? null,
    database: 'postgres',
  };
}

/** BENCH_REDIS_HOST, BENCH_REDIS_PORT and BENCH_RABBITMQ_URL; the usual ports of this machine where they are unset. */
export function givenNeighbours(): Neighbours {
  const { env } = process;
  return {
    redis: { host: env['BENCH_REDIS_HOST'] || '127.0.0.1', port: Number(env['BENCH_REDIS_PORT'] || 6379) },
    rabbitmq: env['BENCH_RABBITMQ_URL'] || 'amqp://guest:guest@127.0.0.1:5672',
  };
}

/** Whether a machine runs the bench for a commit, where what is left out would be left out for ever. */
export function isContinuousIntegration(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== '' && CI !== 'false';
}

export function yardstickSettings(): YardstickSettings {
  const text = process.env[yardstickVariable];
  if (text === undefined) throw new Error(`${yardstickVariable} is not set: yardsticks are started by the bench`);
  return JSON.parse(text) as YardstickSettings;
}

/** What every child gets, whatever the shell of the caller holds: settings of a service nearby must not leak into a measurement. */
export function bareEnvironment(): Record<string, string> {
  const { PATH, HOME, TMPDIR } = process.env;
  return { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }) };
}
