/**
 * The runs behind the table of figures, one JSON object per line in `runs.ndjson`: every run of `--table` is added to those
 * of earlier invocations, whatever came of it. Each says at which commit and beside which load it was done. A new series
 * begins by deleting the file.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { packageRoot } from '../../src/runtime/store/root.js';
import type { Fault } from './check/evidence.js';
import type { Outcome } from './run.js';

export interface RunRecord {
  readonly nemesis: string;
  readonly seed: number;
  /** Short hash; marked when files of the product or the checker differed from it. */
  readonly commit: string;
  readonly cores: number;
  /** Average over the last minute of the run, the run's own included. */
  readonly load: number;
  readonly acked: number;
  /** Violations by fault; those that did not happen are left out. */
  readonly wrong: Readonly<Partial<Record<Fault, number>>>;
  readonly silenceMs: number;
  readonly takeOverMs: number;
  readonly lateMs: number;
  readonly firstAckMs: number | null;
  /** Why the run broke off; null when it came to its end. */
  readonly failure: string | null;
}

/** To be called when the run has just ended. */
export function recordOf({ nemesis, seed, failure, figures }: Outcome): RunRecord {
  const { acked, wrong, silenceMs, takeOverMs, lateMs, firstAckMs } = figures;
  const [load = 0] = loadavg();
  return {
    nemesis,
    seed,
    commit: commit(),
    cores: availableParallelism(),
    load: Math.round(load * 10) / 10,
    acked,
    wrong: Object.fromEntries(Object.entries(wrong).filter(([, count]) => count > 0)),
    silenceMs,
    takeOverMs,
    lateMs,
    firstAckMs,
    failure,
  };
}

export function appendRecord(path: string, record: RunRecord): void {
  appendFileSync(path, `${JSON.stringify(record)}\n`);
}

/** Of all invocations, oldest first. */
export function readRecords(path: string): RunRecord[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunRecord);
}

const judged = ['src', 'sql', 'test/chaos', 'test/harness', 'package-lock.json', ':!test/chaos/runs.ndjson', ':!*.md'];

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: packageRoot, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', ...judged);
    return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : ' with changes');
  } catch {
    return 'unknown';
  }
}
