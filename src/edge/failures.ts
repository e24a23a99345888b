/**
 * Logs of failures that may come by the thousand: the first of a kind at once, then at most one line per interval that
 * says how many were left out. Kinds are names in the code, so their number is bounded.
 */
import type { Log } from '../observe/log.js';

interface Kind {
  next: number;
  leftOut: number;
}

export class FailureLog {
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();

  /** @param intervalMs quiet time per kind */
  constructor(log: Log, intervalMs = 5_000, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  warn(kind: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    const now = this.#now();
    let seen = this.#kinds.get(kind);
    if (seen === undefined) this.#kinds.set(kind, (seen = { next: 0, leftOut: 0 }));
    else if (now < seen.next) {
      seen.leftOut += 1;
      return;
    }
    this.#log.warn({ kind, ...fields, leftOut: seen.leftOut }, text);
    seen.next = now + this.#intervalMs;
    seen.leftOut = 0;
  }
}

/** What of an error is fit for a log line: its class, its code and the start of its text; never a cause or a detail. */
export function describe(error: unknown): { readonly error: string; readonly code?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const text = `${error.name}: ${error.message}`.slice(0, 200);
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? { error: text, code } : { error: text };
}
