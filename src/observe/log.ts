/**
 * Structured logs: pino, one synchronous destination per thread. A line is one write, so lines of several threads never
 * mix, and nothing is lost when a thread or the process dies; pretty lines are made in the thread itself for the same
 * reason, not by a process behind a pipe that would see signals of its own.
 */
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { PrettyOptions } from 'pino-pretty';
import type { Config } from '../config.js';

export type Log = Logger;

const stdout = 1;
/** Names under which secrets and message content would travel; they are censored at the top level and one below. */
const secret = [
  'token',
  'authorization',
  'content',
  'password',
  'jwtSecret',
  'dbPassword',
  'redisPassword',
  'metadata',
];

/** Whether logs are for human eyes: LOG_FORMAT, where `auto` means development on a terminal. Decided once, in main. */
export function wantsPretty(config: Pick<Config, 'logFormat' | 'nodeEnv'>): boolean {
  if (config.logFormat !== 'auto') return config.logFormat === 'pretty';
  return config.nodeEnv === 'development' && isatty(stdout);
}

/**
 * A logger. Lines hold ids, codes and counts; never message content, never tokens.
 * @param thread name of the thread, in every line
 * @param pretty for human eyes instead of JSON lines
 */
export function createLog(level: string, thread: string, pretty = false): Log {
  return createLogTo(pretty ? prettyStream() : pino.destination({ dest: stdout, sync: true }), level, thread);
}

/** The same logger into any stream; of use to whoever reads the lines back. */
export function createLogTo(stream: DestinationStream, level: string, thread: string): Log {
  return pino(
    {
      level,
      base: { service: 'message-handling-service', thread },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secret.flatMap((name) => [name, `*.${name}`]), censor: '[removed]' },
    },
    stream,
  );
}

/** Loaded when asked for only: a server that writes JSON never reads the module. */
function prettyStream(): DestinationStream {
  const load = createRequire(import.meta.url);
  const pretty = load('pino-pretty') as (options: PrettyOptions) => DestinationStream;
  return pretty({
    destination: stdout,
    sync: true,
    colorize: isatty(stdout),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: 'pid,hostname,service',
  });
}
