/** What a run leaves behind: raw rounds with everything needed to judge or repeat them, one JSON file per case. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { LoadResult } from './load/plan.js';
import type { Machine } from './machine.js';
import type { SubjectName } from './subjects.js';

/** One server in one round. CPU in seconds per second of the window; null where it cannot be seen. */
export interface Measured extends LoadResult {
  readonly serverCpu: number | null;
  readonly databaseCpu: number | null;
}

export interface LoadRound {
  /** In the order in which they ran. */
  readonly order: readonly SubjectName[];
  readonly subjects: Readonly<Partial<Record<SubjectName, Measured>>>;
}

/** Bytes. */
export interface MemoryRound {
  readonly rooms: number;
  /** Resident memory of the process: after the warm-up and a rest, with all rooms in memory, at most, after the rest that follows; … */
  readonly rssStart: number;
  readonly rssFull: number;
  readonly rssPeak: number;
  readonly rssEvicted: number;
  /** … and the same moments after an explicit collection in every thread. */
  readonly rssStartCollected: number;
  readonly rssFullCollected: number;
  readonly rssEvictedCollected: number;
  /** Rooms in memory, by the service's own count, at each of three moments: start, after one message each, after two. */
  readonly resident: readonly [number, number, number];
  /** Used heap of all worker threads after a collection, at the same three moments. */
  readonly workerHeap: readonly [number, number, number];
  /** Rooms still in memory when the eviction was awaited. */
  readonly residentEvicted: number;
  readonly touchesPerSecond: number;
  readonly failures: number;
}

export interface Results<Round> {
  readonly case: string;
  readonly date: string;
  readonly commit: string;
  readonly command: string;
  readonly servers: Readonly<Record<string, string>>;
  readonly serviceSettings: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly parameters: Readonly<Record<string, number>>;
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
