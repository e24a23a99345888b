/**
 * A writer that looks into the room cache before it reads rooms, and takes out of it what a frame has changed. Everything
 * else goes straight to the store, which alone decides whether what the cache has is still true: the room's version and last
 * seq are compared in the same statement that reads its receipts, so the answer is one snapshot of the database either way.
 */
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Message } from '../../actors/protocol/message.js';
import type { RoomSnapshot } from '../../actors/protocol/state.js';
import type { Log } from '../../observe/log.js';
import { StoreError, type Append, type CacheableWriter, type Fence, type Writer } from '../store/port.js';
import type { RoomCache } from './room-cache.js';

/** What of the cache it needs. */
export type SnapshotCache = Pick<RoomCache, 'get' | 'put' | 'erase'>;

export class CachedWriter implements Writer {
  readonly #writer: CacheableWriter;
  readonly #cache: SnapshotCache;
  readonly #log: Log;
  /** Of the present session; null before it was asked for, and where the database does not tell: then nothing is cached. */
  #origin: string | null = null;
  #asked = false;

  constructor(writer: CacheableWriter, cache: SnapshotCache, log: Log) {
    this.#writer = writer;
    this.#cache = cache;
    this.#log = log;
  }

  get answeredAt(): number {
    return this.#writer.answeredAt;
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#origin = null;
    this.#asked = false;
    await this.#writer.connect(signal);
  }

  async snapshots(keys: readonly RoomKey[], recent: number): Promise<RoomSnapshot[]> {
    const origin = await this.#settleOrigin();
    if (origin === null || keys.length === 0) return this.#writer.snapshots(keys, recent);
    const cached = await this.#cache.get(origin, keys);
    const snapshots = await this.#writer.snapshots(keys, recent, cached);
    const missing = snapshots.filter(
      ({ lastSeq, lastVersion }, i) => lastVersion !== cached[i]?.lastVersion || lastSeq !== cached[i]?.lastSeq,
    );
    if (missing.length > 0) this.#cache.put(origin, missing);
    return snapshots;
  }

  /** A room leaves memory in a state that is committed. */
  keep({ key, lastSeq, lastVersion, recent }: RoomSnapshot): void {
    if (this.#origin !== null) this.#cache.put(this.#origin, [{ key, lastSeq, lastVersion, recent }]);
  }

  async append(append: Append): Promise<void> {
    try {
      await this.#writer.append(append);
    } catch (error) {
      // It may have committed. If it has not, the cache has only lost something.
      if (error instanceof StoreError && error.failure === 'lost') this.#erase(append);
      throw error;
    }
    this.#erase(append);
  }

  claim(partitions: readonly number[], whole: boolean): Promise<readonly Fence[]> {
    return this.#writer.claim(partitions, whole);
  }

  yield(partitions: readonly number[]): Promise<void> {
    return this.#writer.yield(partitions);
  }

  onLost(listener: () => void): void {
    this.#writer.onLost(listener);
  }

  facts(needs: Parameters<Writer['facts']>[0]): ReturnType<Writer['facts']> {
    return this.#writer.facts(needs);
  }

  known(sends: Parameters<Writer['known']>[0]): Promise<(Message | null)[]> {
    return this.#writer.known(sends);
  }

  heartbeat(): Promise<void> {
    return this.#writer.heartbeat();
  }

  release(): Promise<void> {
    return this.#writer.release();
  }

  #erase({ changed, rooms }: Append): void {
    if (changed.length === 0 || this.#origin === null) return;
    const keys = new Set(changed.map(({ key }) => key));
    const erased = rooms.flatMap(({ key, toVersion }) => (keys.has(key) ? [{ key, version: toVersion }] : []));
    this.#cache.erase(this.#origin, erased);
  }

  async #settleOrigin(): Promise<string | null> {
    if (this.#asked) return this.#origin;
    try {
      this.#origin = await this.#writer.origin();
    } catch (error) {
      // A session that is gone says so in the read that follows.
      if (!(error instanceof StoreError)) throw error;
      if (error.failure === 'lost') return null;
      this.#log.warn(
        { failure: error.failure, err: error },
        'the database does not tell its origin: nothing is cached',
      );
    }
    this.#asked = true;
    return this.#origin;
  }
}
