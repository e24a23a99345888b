/** What a run leaves behind: raw rounds with everything needed to judge or repeat them, one JSON file per case. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { LoadResult } from './load/plan.js';
import type { Machine } from './machine.js';
import type { SubjectName } from './subjects.js';

/** CPU of a window in seconds per second; null where it cannot be seen. */
export interface Cpu {
  readonly serverCpu: number | null;
  readonly databaseCpu: number | null;
}

/** One server in one round. */
export interface Measured extends LoadResult, Cpu {}

export interface LoadRound {
  /** In the order in which they ran. */
  readonly order: readonly SubjectName[];
  readonly subjects: Readonly<Partial<Record<SubjectName, Measured>>>;
}

export interface Results<Round> {
  readonly case: string;
  readonly date: string;
  readonly commit: string;
  readonly command: string;
  readonly servers: Readonly<Record<string, string>>;
  readonly serviceSettings: Readonly<Record<string, string>>;
  readonly machine: Machine;
  /** Versions of the servers beside Postgres that the run could use; null where there were none. */
  readonly neighbours?: string | null;
  readonly parameters: Readonly<Record<string, number | string>>;
  readonly rounds: readonly Round[];
}

export function writeResults(folder: string, results: Results<unknown>): string {
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${results.case}.json`;
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

/** The recorded results of a case; null when it was never measured. */
export function readResults<Round>(folder: string, name: string): Results<Round> | null {
  const file = `${folder}/${name}.json`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results<Round>) : null;
}

/** The middle value; of an even number the mean of both. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
