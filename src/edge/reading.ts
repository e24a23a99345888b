/**
 * The edges' way to the store's reads: bounded in number and time, and a failing store becomes a refusal that says to come
 * back later, logged but never shown.
 */
import type { Log } from '../observe/log.js';
import { within } from './deadline.js';
import { FailureLog, describe } from './failures.js';
import type { Result } from './port.js';
import { refuse } from './refusals.js';

/** Reads under way at once; more are refused as OVERLOADED. */
const readsAtOnce = 1_000;

export class Reading {
  readonly #deadlineMs: number;
  readonly #failures: FailureLog;
  #running = 0;

  constructor(log: Log, deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#failures = new FailureLog(log);
  }

  /**
   * @param kind names the read in the log
   * @param onLate given what comes after the caller was refused, for what must be closed
   */
  async run<T>(kind: string, read: () => Promise<T>, onLate?: (value: T) => void): Promise<Result<T>> {
    if (this.#running >= readsAtOnce) return refuse('OVERLOADED');
    this.#running += 1;
    try {
      const reading = read();
      const value = await within(reading, this.#deadlineMs).catch((error: unknown) => {
        if (onLate !== undefined) reading.then(onLate, () => undefined);
        throw error;
      });
      return { ok: true, value };
    } catch (error) {
      this.#failures.warn(`read_${kind}`, describe(error), 'read failed');
      return refuse('UNAVAILABLE');
    } finally {
      this.#running -= 1;
    }
  }
}
