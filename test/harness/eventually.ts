/** Waits with a deadline: for a promise, or for a condition of another process that sends no signal. */
import { setTimeout as pause } from 'node:timers/promises';

/** Long enough for a slow, shared machine: reaching it always means that something never happens. */
export const generousMs = 60_000;

/**
 * The promise's value.
 * @throws Error naming `what` when it is not settled in time
 */
export async function within<T>(promise: Promise<T>, what: string, ms: number = generousMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what}: not within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until `probe` gives something; only for facts of other processes (a lock wait, a metric) of
 * which there is no signal.
 * @throws Error naming `what` when the deadline passes first
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false>,
  what: string,
  ms: number = generousMs,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await pause(20);
  }
}
