/**
 * The reports to the User Presence Service, in order per user: one at a time, and while one is on its way only the newest
 * status waits, since nobody needs the ones between.
 */
import type { Log } from '../../observe/log.js';
import { FailureLog, describe } from '../failures.js';
import { Neighbour } from '../neighbours/neighbour.js';

export type Status = 'online' | 'offline';

/** Reports at once. */
const concurrency = 4;
/** First wait after a failure, and the longest, in ms. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** The reports of one node to the User Presence Service. */
export class Reporter {
  readonly #neighbour: Neighbour;
  readonly #timeoutMs: number;
  readonly #capacity: number;
  readonly #failures: FailureLog;
  /** Newest status per user that is still to be told, oldest change first. */
  readonly #waiting = new Map<string, Status>();
  readonly #running = new Set<string>();
  #pauseMs = 0;
  #pause: NodeJS.Timeout | null = null;
  #stopped = false;
  #stopping: Promise<void> | null = null;
  #idle: (() => void) | null = null;

  constructor(url: string, timeoutMs: number, capacity: number, log: Log) {
    this.#neighbour = new Neighbour({ name: 'user-presence-service', url, timeoutMs, log, concurrency });
    this.#timeoutMs = timeoutMs;
    this.#capacity = capacity;
    this.#failures = new FailureLog(log);
  }

  report(userId: string, status: Status): void {
    if (this.#stopped) return;
    // Deleted first, so that the change takes its place at the end.
    this.#waiting.delete(userId);
    if (this.#waiting.size >= this.#capacity) {
      const oldest = this.#waiting.keys().next();
      if (oldest.done !== true) this.#waiting.delete(oldest.value);
      this.#failures.warn('presence_overflow', { userId }, 'too many presence reports wait, the oldest is dropped');
    }
    this.#waiting.set(userId, status);
    this.#pump();
  }

  /** Tells what is still to be told, for one time-out at most. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    if (this.#waiting.size > 0 || this.#running.size > 0) {
      const late = setTimeout(() => this.#idle?.(), this.#timeoutMs);
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        this.#pump();
      });
      clearTimeout(late);
    }
    this.#stopped = true;
    this.#waiting.clear();
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
  }

  #pump(): void {
    if (this.#pause !== null) return;
    for (const [userId, status] of this.#waiting) {
      if (this.#running.size >= concurrency) break;
      // One at a time per user keeps the order; others may go first.
      if (this.#running.has(userId)) continue;
      this.#waiting.delete(userId);
      this.#running.add(userId);
      void this.#tell(userId, status);
    }
    if (this.#waiting.size === 0 && this.#running.size === 0) this.#idle?.();
  }

  async #tell(userId: string, status: Status): Promise<void> {
    try {
      const code = await this.#neighbour.post('/presence', { userId, status });
      this.#pauseMs = 0;
      // Asking again would not help; the next change may.
      if (code >= 400) this.#failures.warn('presence_refused', { userId, code }, 'presence report was refused');
    } catch (error) {
      this.#failures.warn('presence_failed', { userId, ...describe(error) }, 'presence report failed, it is repeated');
      if (!this.#waiting.has(userId) && this.#waiting.size < this.#capacity) this.#waiting.set(userId, status);
      this.#backOff();
    } finally {
      this.#running.delete(userId);
      if (!this.#stopped) this.#pump();
    }
  }

  #backOff(): void {
    if (this.#pause !== null || this.#stopped) return;
    this.#pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, this.#pauseMs * 2));
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#pump();
    }, this.#pauseMs);
    // A report alone never keeps the process alive.
    this.#pause.unref();
  }
}
