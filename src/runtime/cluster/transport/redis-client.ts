/**
 * How this service talks to Redis: one factory for every client, so that each of them survives whatever Redis does. A
 * client reconnects for ever, never queues what cannot be sent now, gives every command a deadline, and has an 'error'
 * listener: an outage is a rejected command and one log line, never the end of the process. Any thread may use it.
 */
import { Redis } from 'ioredis';
import type { Config } from '../../../config.js';
import type { Log } from '../../../observe/log.js';

/** Plain data: it crosses threads. */
export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly password: string | null;
  /** Begins every key and channel of this deployment. */
  readonly prefix: string;
}

/** The server that the configuration names; null when there is none. */
export function configuredRedis(
  config: Pick<Config, 'redisHost' | 'redisPort' | 'redisPassword' | 'redisPrefix'>,
): RedisSettings | null {
  const { redisHost, redisPort, redisPassword, redisPrefix } = config;
  if (redisHost === null) return null;
  return { host: redisHost, port: redisPort, password: redisPassword, prefix: redisPrefix };
}

/** A command that got no answer by then has failed; it may have been executed. */
const commandTimeoutMs = 1_000;
const connectTimeoutMs = 2_000;
/** How long a connection that is given up may take to close before it is cut. */
const closeTimeoutMs = 100;
/** Between two attempts to connect: short, since what waits for Redis is to be complete soon after its return. */
const longestPauseMs = 500;

/**
 * A client that begins to connect at `connect()`, which may reject; it goes on trying all the same.
 * @param name as operators see it in CLIENT LIST, and in the log
 */
export function createRedisClient(settings: RedisSettings, name: string, log: Log): Redis {
  const client = new Redis({
    host: settings.host,
    port: settings.port,
    ...(settings.password === null ? {} : { password: settings.password }),
    connectionName: name,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: closeTimeoutMs,
    keepAlive: 5_000,
    // What was in flight when a connection broke has failed; repeating it later is for whoever knows what it was.
    autoResendUnfulfilledCommands: false,
    // The library subscribes again without catching its own rejection; whoever subscribes does it at 'ready'.
    autoResubscribe: false,
    retryStrategy: (attempt) => Math.min(longestPauseMs, 25 * 2 ** Math.min(attempt, 10)) + Math.random() * 50,
  });
  let told = false;
  client.on('error', (error: Error) => {
    // Every attempt to connect fails here again: once is enough.
    if (!told) log.warn({ client: name, err: error.message }, 'a Redis connection failed, connecting again');
    told = true;
  });
  client.on('ready', () => {
    told = false;
  });
  return client;
}
