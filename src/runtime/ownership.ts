/**
 * A shard's hold on its partitions: it lives and dies with the writer's connection. Nothing is decided without it, and
 * every write carries the epoch under which it was taken, so that Postgres refuses whoever lost it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.js';
import type { Fence, Writer } from './store/port.js';

export class ShardStopped extends Error {
  override readonly name = 'ShardStopped';
}

interface OwnershipOptions {
  readonly writer: Writer;
  readonly partitions: readonly number[];
  /** Told when the partitions are lost and when they are held again. */
  readonly onChange: (held: boolean) => void;
  readonly log: Log;
}

export class Ownership {
  readonly writer: Writer;
  readonly #options: OwnershipOptions;
  readonly #stopping = new AbortController();
  /** Empty while the partitions are not held. */
  #epochs = new Map<number, Fence>();

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.writer = options.writer;
  }

  get held(): boolean {
    return this.#epochs.size > 0;
  }

  /**
   * Resolves once the partitions are held; takes as long as it takes.
   * @throws ShardStopped when the shard stops meanwhile
   */
  async ensure(): Promise<void> {
    if (this.held) return;
    if (this.#stopping.signal.aborted) throw new ShardStopped();
    let fences: readonly Fence[];
    try {
      fences = await this.writer.acquire(this.#options.partitions, this.#stopping.signal);
    } catch (error) {
      if (this.#stopping.signal.aborted) throw new ShardStopped();
      throw error;
    }
    this.#epochs = new Map(fences.map((fence) => [fence.partition, fence]));
    this.#options.onChange(true);
  }

  /** @throws Error for a partition of another shard: a bug in the placement */
  fence(partition: number): Fence {
    const fence = this.#epochs.get(partition);
    if (fence === undefined) throw new Error(`partition ${partition} is not held`);
    return fence;
  }

  /** The connection is gone or the epoch was raised by another: nothing is held any more. */
  lose(): void {
    if (!this.held) return;
    this.#epochs = new Map();
    this.#options.log.warn(
      { partitions: this.#options.partitions.length },
      'the partitions are lost, taking them again',
    );
    this.#options.onChange(false);
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
    this.#epochs = new Map();
    await this.writer.release();
  }
}
