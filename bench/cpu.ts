/** CPU clocks of other processes, read from /proc; null where there is none (macOS, or a database on another machine). */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports the clocks in hundredths of a second to user space, on every architecture that Node runs on. */
const ticksPerSecond = 100;

interface Clocks {
  readonly parent: number;
  /** Seconds of all its threads. */
  readonly own: number;
  /** Seconds of its children that have ended. */
  readonly ended: number;
}

function clocks(pid: number | string): Clocks | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may hold spaces: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const at = (index: number) => Number(fields[index]) / ticksPerSecond;
    return { parent: Number(fields[1]), own: at(11) + at(12), ended: at(13) + at(14) };
  } catch {
    return null;
  }
}

/** Seconds of CPU that a process has used. */
export function cpuOf(pid: number): number | null {
  return clocks(pid)?.own ?? null;
}

/** Seconds of CPU that a Postgres server has used: the parent of one of its backends, and all children of that parent. */
export function cpuOfPostgres(backend: number): number | null {
  const parent = clocks(backend)?.parent;
  if (parent === undefined || parent <= 1) return null;
  const postmaster = clocks(parent);
  if (postmaster === null) return null;
  let total = postmaster.own + postmaster.ended;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const child = clocks(entry);
    if (child?.parent === parent) total += child.own;
  }
  return total;
}

/** Resident memory of a process in bytes, now and at its highest. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}
