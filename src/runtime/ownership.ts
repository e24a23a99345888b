/**
 * A shard's hold on its partitions: it lives and dies with the writer's session. Nothing is decided without it, and every
 * write carries the epoch under which the partition was taken, so that Postgres refuses whoever lost it.
 *
 * A shard in a cluster holds those of its wanted partitions that are free, and says of the others that they moved. A shard
 * that is alone wants all of its partitions for ever, and waits until it has every one.
 *
 *   lost ──connect──▶ connected ──claim──▶ held ──yield (not wanted any more)──▶ free
 *    ▲                                      │
 *    └────────────── session ends ──────────┘   what was held then is `awaited`: taken again before anything is said of it
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.js';
import { StoreError, type Fence, type Writer } from './store/port.js';

export class ShardStopped extends Error {
  override readonly name = 'ShardStopped';
}

export interface OwnershipOptions {
  readonly writer: Writer;
  /** Wanted from the start. */
  readonly partitions: readonly number[];
  /** No other node is expected: wants all for ever, all or none, and waits for them. */
  readonly alone: boolean;
  /** Whether frames are taken: told when that changes. */
  readonly onServing: (serving: boolean) => void;
  /** What is held now: told when that changes. */
  readonly onHeld: (held: readonly Fence[]) => void;
  /** The session is gone: what was read under it may not be used again. */
  readonly onLost: () => void;
  /** These partitions are about to be free, or to be another's: nothing of their rooms may stay in memory. */
  readonly onGone: (partitions: ReadonlySet<number>) => void;
  readonly log: Log;
}

/** How long what was held is waited for after a new connection: the old session may take a while to be noticed as dead. */
const patienceMs = 1_000;
const firstWaitMs = 50;
const longestWaitMs = 1_000;

const nothing: ReadonlySet<number> = new Set();

export class Ownership {
  readonly writer: Writer;
  readonly alone: boolean;
  readonly #options: OwnershipOptions;
  readonly #stopping = new AbortController();
  #wanted: ReadonlySet<number>;
  #connected = false;
  #serving = false;
  /** Empty while there is no session. */
  readonly #held = new Map<number, Fence>();
  /** Held when the session ended, or wanted from the start. Empty once taken again, given up, or not wanted any more. */
  readonly #awaited: Set<number>;
  #awaitedUntil = Infinity;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.writer = options.writer;
    this.alone = options.alone;
    this.#wanted = new Set(options.partitions);
    this.#awaited = new Set(options.partitions);
  }

  owns(partition: number): boolean {
    return this.#held.has(partition);
  }

  /**
   * Resolves once there is a session and none of the needed partitions is awaited; takes as long as it takes.
   * @throws ShardStopped when the shard stops meanwhile, StoreError `data` when the database was set up differently
   */
  async ensure(needed: () => ReadonlySet<number> = () => nothing): Promise<void> {
    if (this.#connected && this.#awaited.size === 0) return;
    let said = false;
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
      if (!this.#connected) await this.#connect();
      await this.#claim([...this.#awaited]);
      if (this.#connected) {
        this.#giveUpWaiting();
        this.#tellServing();
        if (this.#serving && (this.#awaited.size === 0 || ![...needed()].some((one) => this.#awaited.has(one)))) return;
        if (!said)
          this.#options.log.warn({ partitions: this.#awaited.size }, 'waiting for partitions: others hold them');
        said = true;
      }
      await this.pause(this.alone ? waitMs / 2 + Math.random() * (waitMs / 2) : firstWaitMs);
    }
  }

  /** Takes effect at the next `settle`. */
  want(partitions: ReadonlySet<number>): void {
    this.#wanted = partitions;
  }

  /** Frees what is not wanted, and takes what is wanted and free. False while something wanted is not held. */
  async settle(): Promise<boolean> {
    await this.ensure();
    await this.#free([...this.#held.keys()].filter((partition) => !this.#wanted.has(partition)));
    if (this.#connected) await this.#claim([...this.#wanted].filter((partition) => !this.#held.has(partition)));
    return this.#connected && [...this.#wanted].every((partition) => this.#held.has(partition));
  }

  /** @throws Error for a partition that is not held: a bug */
  fence(partition: number): Fence {
    const fence = this.#held.get(partition);
    if (fence === undefined) throw new Error(`partition ${partition} is not held`);
    return fence;
  }

  /** The session is gone or an epoch was raised by another: nothing is held any more. */
  lose(): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const partition of this.#held.keys()) this.#awaited.add(partition);
    this.#options.log.warn({ partitions: this.#held.size }, 'the partitions are lost, taking them again');
    this.#held.clear();
    this.#options.onLost();
    this.#tellHeld();
    this.#tellServing();
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    if (this.#stopping.signal.aborted) throw new ShardStopped();
  }

  /** Ends waiting for the store; what is being written is not interrupted. */
  stopWaiting(): void {
    this.#stopping.abort();
  }

  async release(): Promise<void> {
    this.#stopping.abort();
    this.#connected = false;
    this.#held.clear();
    await this.writer.release();
    this.#tellHeld();
  }

  async #connect(): Promise<void> {
    if (this.#stopping.signal.aborted) throw new ShardStopped();
    try {
      await this.writer.connect(this.#stopping.signal);
    } catch (error) {
      if (this.#stopping.signal.aborted) throw new ShardStopped();
      throw error;
    }
    this.#connected = true;
    this.#awaitedUntil = this.alone ? Infinity : performance.now() + patienceMs;
  }

  async #claim(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    let fences: readonly Fence[];
    try {
      fences = await this.writer.claim(partitions, this.alone);
    } catch (error) {
      return this.#failed(error);
    }
    if (fences.length === 0) return;
    for (const fence of fences) {
      this.#held.set(fence.partition, fence);
      this.#awaited.delete(fence.partition);
    }
    this.#tellHeld();
  }

  async #free(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    this.#options.onGone(new Set(partitions));
    try {
      await this.writer.yield(partitions);
    } catch (error) {
      return this.#failed(error);
    }
    for (const partition of partitions) this.#held.delete(partition);
    this.#tellHeld();
  }

  /** Of the awaited ones those go that are not wanted any more; all go once the patience is over: they are another's. */
  #giveUpWaiting(): void {
    const over = performance.now() >= this.#awaitedUntil;
    const gone = new Set([...this.#awaited].filter((partition) => over || !this.#wanted.has(partition)));
    if (gone.size === 0) return;
    this.#options.onGone(gone);
    for (const partition of gone) this.#awaited.delete(partition);
    this.#options.log.info({ partitions: gone.size }, 'partitions were not given back: they are taken to have moved');
  }

  #failed(error: unknown): void {
    if (!(error instanceof StoreError) || error.failure === 'data') throw error;
    this.#options.log.warn({ failure: error.failure, err: error }, 'claiming or freeing partitions failed');
    if (error.failure !== 'transient' && error.failure !== 'slow') this.lose();
  }

  #tellHeld(): void {
    this.#options.onHeld([...this.#held.values()]);
  }

  #tellServing(): void {
    const serving = this.#connected && (!this.alone || this.#awaited.size === 0);
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#options.onServing(serving);
  }
}
