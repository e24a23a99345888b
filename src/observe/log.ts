/** Structured logs: pino, one synchronous destination per thread so that lines of several threads never mix. */
import { pino, type Logger } from 'pino';

export type Log = Logger;

/**
 * A logger. Lines hold ids, codes and counts; never message content, never tokens.
 * @param thread name of the thread, in every line
 */
export function createLog(level: string, thread: string): Log {
  return pino(
    {
      level,
      base: { service: 'message-handling-service', thread },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['token', '*.token', 'authorization', '*.authorization', 'content', '*.content', 'password', '*.password'], censor: '[removed]' },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
