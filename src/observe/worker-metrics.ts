/**
 * The metrics of one worker thread. They live in a registry of the thread and travel to the main thread as plain data
 * when somebody scrapes; every series carries the label `worker`.
 */
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { watchLoopDelay } from './loop-delay.js';
import { prefix, snapshotOf, type Snapshot } from './registry.js';

/** Why a frame was tried again; the label's values are these and no others. */
const retryReasons = ['duplicate', 'fenced', 'stale', 'data', 'slow', 'transient', 'lost', 'threw'] as const;
export type RetryReason = (typeof retryReasons)[number];

/** What a look-up in the cache of recent history may come to. */
const cacheResults = ['found', 'absent', 'invalid', 'unavailable'] as const;
export type CacheResult = (typeof cacheResults)[number];

export interface WorkerMetrics {
  /** A frame with this many commands was committed by a transaction of this many seconds. */
  frameCommitted(commands: number, seconds: number): void;
  /** An attempt to commit a frame failed; anything unknown counts as `other`. */
  frameRetried(reason: string): void;
  /** Rooms in a shard's memory now. */
  resident(shard: number, rooms: number): void;
  activated(rooms: number): void;
  evicted(rooms: number): void;
  /** What the cache of recent history had of rooms that were looked up in it. */
  cacheLookedUp(result: CacheResult, rooms: number): void;
  /** Rooms that were not written to the cache. */
  cacheDropped(rooms: number): void;
  /** All of it as plain data for a MessagePort. */
  snapshot(): Promise<Snapshot>;
  /** Stops watching the event loop. */
  close(): void;
}

/** @param worker number of the worker; the same number after a restart, so that its series go on. */
export function createWorkerMetrics(worker: number): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ worker: String(worker) });
  const registers = [registry];
  const unwatch = watchLoopDelay(registry, String(worker));
  const counts = { committed: 0, retried: 0, activated: 0, evicted: 0 };
  const cache = { found: 0, absent: 0, invalid: 0, unavailable: 0, dropped: 0 };
  const retries = new Map<string, number>([...retryReasons, 'other'].map((reason) => [reason, 0]));
  /** Bounded by SHARDS_PER_WORKER. */
  const residents = new Map<number, number>();

  const frameCommands = new Histogram({
    name: `${prefix}frame_commands`,
    help: 'Commands per committed frame',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers,
  });
  const frameSeconds = new Histogram({
    name: `${prefix}frame_commit_seconds`,
    help: 'Time of a frame’s transaction, round trip included',
    buckets: [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  new Counter({
    name: `${prefix}frames_total`,
    help: 'Attempts to commit a frame by how they ended',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      this.inc({ result: 'committed' }, counts.committed);
      this.inc({ result: 'failed' }, counts.retried);
    },
  });
  new Counter({
    name: `${prefix}frame_retries_total`,
    help: 'Attempts to commit a frame that failed, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of retries) this.inc({ reason }, count);
    },
  });
  new Gauge({
    name: `${prefix}resident_rooms`,
    help: 'Rooms in memory',
    labelNames: ['shard'],
    registers,
    collect() {
      for (const [shard, rooms] of residents) this.set({ shard }, rooms);
    },
  });
  new Counter({
    name: `${prefix}activations_total`,
    help: 'Rooms read from the store into memory',
    registers,
    collect() {
      this.reset();
      this.inc(counts.activated);
    },
  });
  new Counter({
    name: `${prefix}evictions_total`,
    help: 'Rooms that left memory',
    registers,
    collect() {
      this.reset();
      this.inc(counts.evicted);
    },
  });
  new Counter({
    name: `${prefix}room_cache_lookups_total`,
    help: 'Rooms looked up in the cache of recent history, by what it had; what it had may have been old',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      for (const result of cacheResults) this.inc({ result }, cache[result]);
    },
  });
  new Counter({
    name: `${prefix}room_cache_dropped_total`,
    help: 'Rooms that were not written to the cache of recent history',
    registers,
    collect() {
      this.reset();
      this.inc(cache.dropped);
    },
  });
  new Gauge({
    name: `${prefix}worker_heap_bytes`,
    help: 'JavaScript heap of the worker, and what it holds outside of it',
    labelNames: ['kind'],
    registers,
    collect() {
      const heap = getHeapStatistics();
      this.set({ kind: 'used' }, heap.used_heap_size);
      this.set({ kind: 'total' }, heap.total_heap_size);
      this.set({ kind: 'limit' }, heap.heap_size_limit);
      this.set({ kind: 'external' }, heap.external_memory);
    },
  });

  return {
    frameCommitted(commands, seconds) {
      counts.committed += 1;
      frameCommands.observe(commands);
      frameSeconds.observe(seconds);
    },
    frameRetried(reason) {
      counts.retried += 1;
      const known = retries.has(reason) ? reason : 'other';
      retries.set(known, (retries.get(known) ?? 0) + 1);
    },
    resident(shard, rooms) {
      residents.set(shard, rooms);
    },
    activated(rooms) {
      counts.activated += rooms;
    },
    evicted(rooms) {
      counts.evicted += rooms;
    },
    cacheLookedUp(result, rooms) {
      cache[result] += rooms;
    },
    cacheDropped(rooms) {
      cache.dropped += rooms;
    },
    snapshot: () => snapshotOf(registry),
    close() {
      unwatch();
    },
  };
}
