/**
 * How this service connects to Postgres, whichever server it is. `ConnectionSettings` is plain data: it crosses threads.
 * What is done over a connection is not known here.
 */
import pg from 'pg';
import type { Config } from '../../../config.js';

export interface ConnectionSettings {
  /** A host name, or the absolute path of the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
}

/** The real server that the configuration names; null when the embedded one is to be used. */
export function configuredConnection(config: Config): ConnectionSettings | null {
  if (config.dbHost === null) return null;
  return {
    host: config.dbHost,
    port: config.dbPort,
    user: config.dbUser,
    password: config.dbPassword,
    database: config.dbName,
  };
}

const int8 = 20;

/** bigint columns are counters far below 2^53, so they come as numbers. Everything else is as node-postgres has it. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary' ? Number : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

/** Milliseconds until an attempt to connect is given up. */
const connectTimeoutMs = 5_000;

export interface SessionSettings {
  /** `application_name`, as operators see it in pg_stat_activity. */
  readonly name: string;
  /** Server settings of the whole session; they must exist in every supported version (15 or newer). */
  readonly server: Readonly<Record<string, string | number>>;
}

/**
 * Every statement of the service looks rows up by key. The planner must not be led to scans by statistics that are missing or
 * old (a table that was empty a second ago), nor plan again at every call.
 */
export const keyedLookups: Readonly<Record<string, string>> = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};

/** The settings of a `pg.Client` or of the clients of a `pg.Pool`. */
export function clientConfig(connection: ConnectionSettings, session: SessionSettings): pg.ClientConfig {
  return {
    host: connection.host,
    port: connection.port,
    user: connection.user,
    ...(connection.password === null ? {} : { password: connection.password }),
    database: connection.database,
    application_name: session.name,
    options: Object.entries(session.server)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types,
  };
}
