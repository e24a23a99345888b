/**
 * Whether the service works: checks with a time-out, remembered for a moment so that probes cost the database nothing,
 * and the phase of the process's life. The composition root says which phase it is.
 */
import { within } from '../edge/deadline.js';

/** `leaving`: work is still taken, but other nodes are about to take over, and balancers should go there. */
export type Phase = 'starting' | 'serving' | 'leaving' | 'draining';

export interface Check {
  /** Resolves when all is well; rejects or hangs when not. */
  run(): Promise<void>;
  /** Without it nothing works (DOWN); otherwise the service is DEGRADED. */
  readonly critical: boolean;
}

export interface CheckReport {
  readonly status: 'UP' | 'DOWN';
  readonly latencyMs: number;
}

export interface HealthReport {
  readonly status: 'UP' | 'DEGRADED' | 'DOWN';
  readonly service: 'message-handling-service';
  /** ISO 8601, of the checks. */
  readonly timestamp: string;
  readonly checks: Readonly<Record<string, CheckReport>>;
}

export interface Health {
  readonly phase: Phase;
  enter(phase: Phase): void;
  /** Never rejects. */
  report(): Promise<HealthReport>;
}

export interface HealthOptions {
  readonly checks: Readonly<Record<string, Check>>;
  /** Longest wait for one check. Defaults to 2,000 ms. */
  readonly timeoutMs?: number;
  /** How long a report is given again. Defaults to 500 ms. */
  readonly reuseMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export function createHealth(options: HealthOptions): Health {
  const { checks, timeoutMs = 2_000, reuseMs = 500, now = Date.now } = options;
  let phase: Phase = 'starting';
  let latest: HealthReport | null = null;
  let latestAt = 0;
  let running: Promise<HealthReport> | null = null;

  async function check(): Promise<HealthReport> {
    const entries = await Promise.all(
      Object.entries(checks).map(async ([name, each]) => [name, await runCheck(each, timeoutMs)] as const),
    );
    const down = entries.filter(([, report]) => report.status === 'DOWN').map(([name]) => name);
    latestAt = now();
    latest = {
      status: down.length === 0 ? 'UP' : down.some((name) => checks[name]?.critical) ? 'DOWN' : 'DEGRADED',
      service: 'message-handling-service',
      timestamp: new Date(latestAt).toISOString(),
      checks: Object.fromEntries(entries),
    };
    return latest;
  }

  return {
    get phase() {
      return phase;
    },
    enter(next) {
      phase = next;
    },
    report() {
      if (latest !== null && Math.abs(now() - latestAt) < reuseMs) return Promise.resolve(latest);
      return (running ??= check().finally(() => {
        running = null;
      }));
    },
  };
}

/** What went wrong is for the log of whoever owns the check; a caller learns only that it did. */
async function runCheck(check: Check, timeoutMs: number): Promise<CheckReport> {
  const start = performance.now();
  const took = (): number => Math.round(performance.now() - start);
  try {
    await within(check.run(), timeoutMs);
    return { status: 'UP', latencyMs: took() };
  } catch {
    return { status: 'DOWN', latencyMs: took() };
  }
}
