/**
 * Rates per user by the generic cell rate algorithm: one number per user, the "theoretical arrival time" at which its
 * allowance would be full again. Shared by REST and Socket.IO, so that using both gives nobody double.
 *
 * The numbers live in two generations. When the younger holds `users` of them it becomes the older, and the former older
 * one is dropped: memory is bounded by twice `users` without a sweep, and only those are forgotten (that is, granted a
 * fresh burst) who did not ask while that many others did.
 */
import type { RateLimiter } from './port.js';

export interface RateOptions {
  /** Requests per second in the long run. */
  readonly rate: number;
  /** Requests at once after a pause. */
  readonly burst: number;
  /** Users per generation. Defaults to 50,000. */
  readonly users?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export function createRateLimiter(options: RateOptions): RateLimiter {
  const { rate, burst, users = 50_000, now = () => performance.now() } = options;
  const interval = 1000 / rate;
  const tolerance = (burst - 1) * interval;
  let young = new Map<string, number>();
  let old = new Map<string, number>();

  return {
    take(userId: string): number {
      const at = now();
      const full = young.get(userId) ?? old.get(userId);
      const start = full === undefined || full < at ? at : full;
      const wait = start - tolerance - at;
      // A thousandth of a millisecond absorbs rounding: nobody is refused for the last bit of a sum.
      if (wait > 0.001) return Math.max(1, Math.ceil(wait));
      if (young.size >= users && !young.has(userId)) {
        old = young;
        young = new Map();
      }
      young.set(userId, start + interval);
      return 0;
    },
  };
}

/** Grants everything: RATE_LIMIT_ENABLED=false. */
export const unlimited: RateLimiter = { take: () => 0 };

/** The two allowances of a user. */
export interface Limits {
  /** Sends, edits and deletes. */
  readonly sends: RateLimiter;
  /** Everything else. */
  readonly requests: RateLimiter;
}

export interface LimitSettings {
  readonly rateLimitEnabled: boolean;
  readonly sendRate: number;
  readonly sendBurst: number;
  readonly eventRate: number;
  readonly eventBurst: number;
}

/** @param now milliseconds, monotonic */
export function createLimits(config: LimitSettings, now: () => number = () => performance.now()): Limits {
  if (!config.rateLimitEnabled) return { sends: unlimited, requests: unlimited };
  return {
    sends: createRateLimiter({ rate: config.sendRate, burst: config.sendBurst, now }),
    requests: createRateLimiter({ rate: config.eventRate, burst: config.eventBurst, now }),
  };
}
