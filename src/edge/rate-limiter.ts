/**
 * Rates per user by the generic cell rate algorithm: one number per user, the "theoretical arrival time" at which its
 * allowance would be full again. Shared by REST and Socket.IO, so that using both gives nobody double.
 *
 * Over twice `users` of them those are forgotten, that is, granted a fresh burst, who did not ask while that many others did.
 */
import { Generations } from './generations.js';
import type { RateLimiter } from './port.js';

export interface RateOptions {
  /** Requests per second in the long run. */
  readonly rate: number;
  /** Requests at once after a pause. */
  readonly burst: number;
  /** Users that are remembered at least; twice as many at most. Defaults to 50,000. */
  readonly users?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export function createRateLimiter(options: RateOptions): RateLimiter {
  const { rate, burst, users = 50_000, now = () => performance.now() } = options;
  const interval = 1000 / rate;
  const tolerance = (burst - 1) * interval;
  const fullAt = new Generations<number>(users);

  return {
    take(userId: string, requests = 1): number {
      const at = now();
      const full = fullAt.get(userId);
      const start = full === undefined || full < at ? at : full;
      const spent = Math.min(requests, burst) * interval;
      const wait = start + spent - interval - tolerance - at;
      // A thousandth of a millisecond absorbs rounding: nobody is refused for the last bit of a sum.
      if (wait > 0.001) return Math.max(1, Math.ceil(wait));
      fullAt.set(userId, start + spent);
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
