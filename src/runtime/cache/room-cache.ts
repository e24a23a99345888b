/**
 * The second level of a room's recent history: actor memory, Redis, Postgres. A hint and nothing else: whoever reads it
 * compares versions with the store. Whatever Redis does, a read takes at most `patienceMs` and nothing here ever rejects.
 *
 *   closed ──a read was late or failed──▶ open (no reads or writes; 1 s, doubling to 30 s) ──next read──▶ closed, or open again
 *
 * An entry only ever goes forward in versions, so that a late write of one node cannot bring back what another has erased.
 * Erasures are sent even while the circuit is open, and remembered until Redis has taken them; one that is lost all the same
 * (with its worker) ends with the entry's time to live, and is not served meanwhile, since its version is not the room's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { RoomSnapshot } from '../../actors/protocol/state.js';
import type { Log } from '../../observe/log.js';
import type { CacheResult } from '../../observe/worker-metrics.js';
import { createRedisClient, type RedisSettings } from '../cluster/transport/redis-client.js';
import type { CachedRoom } from '../store/port.js';
import { decode, encode, marker, type EntryLimits } from './entry.js';

export interface RoomCacheMetrics {
  /** What the cache had of rooms that were looked up. */
  cacheLookedUp(result: CacheResult, rooms: number): void;
  /** Entries that were not written: too much at once, or Redis is away. */
  cacheDropped(rooms: number): void;
}

export interface RoomCacheOptions {
  readonly redis: RedisSettings;
  /** Names the connection. */
  readonly name: string;
  readonly ttlMs: number;
  readonly limits: EntryLimits;
  readonly metrics: RoomCacheMetrics;
  readonly log: Log;
  /** Longest wait of a read; 20 ms unless a test is in less of a hurry. */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 20;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** Rooms of one read; further ones are read from the store. */
const mostKeys = 512;
/** Rooms waiting to be written; over it they are not cached. They are references to what memory held anyway. */
const queueCapacity = 2_048;
/** Rooms encoded per turn of the event loop: the frames of the thread go on in between. */
const encodedPerTurn = 16;
/** Characters on their way to Redis; over it rooms are not cached. */
const inFlightCapacity = 8 * 1024 * 1024;
/** Erasures that Redis has not taken yet; over it the oldest are left to the time to live. */
const erasureCapacity = 10_000;
/** Longest wait at the end for what is still to be written. */
const farewellMs = 250;
const complainEveryMs = 60_000;

/** KEYS[1] entry, ARGV: its version, its text, its time to live in ms. An entry that is not ours counts as none. */
const forward = `
local held = string.match(redis.call('getrange', KEYS[1], 0, 24), '^1 (%d+) ')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 1`;

interface Waiting {
  readonly id: string;
  readonly room: RoomSnapshot;
}

export class RoomCache {
  readonly #options: RoomCacheOptions;
  readonly #client: Redis;
  #queue: Waiting[] = [];
  #writing = false;
  #inFlight = 0;
  /** By entry: the version of the erasure. */
  #erasures = new Map<string, number>();
  #erasing: Promise<void> | null = null;
  #openUntil = 0;
  #failures = 0;
  /** By complaint; there are three. */
  readonly #complainedAt = new Map<string, number>();
  #stopped = false;

  constructor(options: RoomCacheOptions) {
    this.#options = options;
    this.#client = createRedisClient(options.redis, `${options.redis.prefix}-${options.name}`, options.log);
    this.#client.on('ready', () => this.#erase());
  }

  /** Does not wait for Redis. */
  start(): void {
    this.#client.connect().catch(() => undefined);
  }

  /** Gives what is still to be written a moment. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    await this.settled(farewellMs);
    this.#stopped = true;
    this.#queue = [];
    this.#client.disconnect();
  }

  /** Whether all that was to be written and erased is, within this time; false at once where Redis is away. */
  async settled(ms: number): Promise<boolean> {
    for (const end = performance.now() + ms; this.#busy; await sleep(2))
      if (!this.#usable || performance.now() >= end) return false;
    return true;
  }

  /**
   * What the cache has of the rooms, same order; null where it has nothing or does not tell in time. Never rejects.
   * @param origin names the history in which versions count: `CacheableWriter.origin`
   */
  async get(origin: string, keys: readonly RoomKey[]): Promise<readonly (CachedRoom | null)[]> {
    const { limits, metrics } = this.#options;
    const asked = keys.slice(0, mostKeys);
    const texts = this.#usable ? await this.#read(asked.map((key) => this.#id(origin, key))) : null;
    if (texts === null) {
      metrics.cacheLookedUp('unavailable', keys.length);
      return keys.map(() => null);
    }
    const counts = { found: 0, absent: 0, invalid: 0 };
    const rooms = keys.map((key, i) => {
      const text = texts[i] ?? null;
      const decoded = text === null ? 'nothing' : decode(text, key, limits);
      if (decoded === 'invalid') counts.invalid += 1;
      else if (decoded === 'nothing') counts.absent += 1;
      else counts.found += 1;
      return typeof decoded === 'string' ? null : decoded;
    });
    for (const result of ['found', 'absent', 'invalid'] as const)
      if (counts[result] > 0) metrics.cacheLookedUp(result, counts[result]);
    if (counts.invalid > 0) this.#complain({ rooms: counts.invalid }, 'cached rooms are not what was written: ignored');
    return rooms;
  }

  /** Keeps committed states of rooms, soon, if there is the room and the time for it. They must not be changed any more. */
  put(origin: string, rooms: readonly RoomSnapshot[]): void {
    let dropped = 0;
    for (const room of rooms) {
      if (room.recent.length === 0) continue;
      if (!this.#usable || this.#queue.length >= queueCapacity) dropped += 1;
      else this.#queue.push({ id: this.#id(origin, room.key), room });
    }
    if (dropped > 0) this.#options.metrics.cacheDropped(dropped);
    if (this.#queue.length > 0 && !this.#writing) void this.#write();
  }

  /** Something in these rooms was changed or deleted at these versions: what is older leaves the cache, and stays out. */
  erase(origin: string, rooms: readonly { readonly key: RoomKey; readonly version: number }[]): void {
    if (this.#stopped) return;
    for (const { key, version } of rooms) {
      const id = this.#id(origin, key);
      this.#remember(id, Math.max(version, this.#erasures.get(id) ?? 0));
    }
    this.#erase();
  }

  get #usable(): boolean {
    return !this.#stopped && this.#client.status === 'ready' && performance.now() >= this.#openUntil;
  }

  get #busy(): boolean {
    return this.#queue.length > 0 || this.#inFlight > 0 || this.#erasing !== null || this.#erasures.size > 0;
  }

  #id(origin: string, key: RoomKey): string {
    return `${this.#options.redis.prefix}:recent:${origin}:${key}`;
  }

  /** Null when they do not come in time. */
  async #read(ids: readonly string[]): Promise<readonly (string | null)[] | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), this.#options.patienceMs ?? defaultPatienceMs);
    });
    const reading = this.#client.mget(...ids).then(
      (texts) => texts,
      (error: unknown) => this.#failed(error),
    );
    const texts = await Promise.race([reading, late]);
    clearTimeout(timer);
    if (texts === null) this.#open();
    else this.#succeeded();
    return texts;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, encodedPerTurn);
      if (this.#usable && this.#inFlight < inFlightCapacity) this.#send(batch);
      else this.#options.metrics.cacheDropped(batch.length);
      await this.#turn();
    }
    this.#writing = false;
  }

  #send(batch: readonly Waiting[]): void {
    const { limits, ttlMs } = this.#options;
    const pipeline = this.#client.pipeline();
    let characters = 0;
    for (const { id, room } of batch) {
      const text = encode(room, limits);
      if (text === null) continue;
      characters += text.length;
      pipeline.eval(forward, 1, id, room.lastVersion, text, ttlMs);
    }
    if (characters === 0) return;
    this.#inFlight += characters;
    void this.#execute(pipeline).then((done) => {
      this.#inFlight -= characters;
      if (done) this.#succeeded();
      else this.#open();
    });
  }

  /** Sends what is to be erased, one batch at a time. */
  #erase(): void {
    if (this.#erasing !== null || this.#erasures.size === 0 || this.#client.status !== 'ready') return;
    const batch = [...this.#erasures];
    this.#erasures = new Map();
    const pipeline = this.#client.pipeline();
    for (const [id, version] of batch) pipeline.eval(forward, 1, id, version, marker(version), this.#options.ttlMs);
    this.#erasing = this.#execute(pipeline).then(async (done) => {
      // A server that takes no more data still deletes.
      const gone = done || (await this.#execute(this.#client.pipeline([['unlink', ...batch.map(([id]) => id)]])));
      if (!gone) for (const [id, version] of batch) this.#remember(id, Math.max(version, this.#erasures.get(id) ?? 0));
      this.#erasing = null;
      // What did not succeed waits for the next sign of life.
      if (gone) this.#erase();
    });
  }

  #remember(id: string, version: number): void {
    this.#erasures.set(id, version);
    if (this.#erasures.size <= erasureCapacity) return;
    const [oldest] = this.#erasures.keys();
    if (oldest !== undefined) this.#erasures.delete(oldest);
    this.#complain({}, 'too many erasures wait for Redis: the oldest are left to ROOM_CACHE_TTL_MS');
  }

  /** Whether all of it was done. Never rejects. */
  async #execute(pipeline: ReturnType<Redis['pipeline']>): Promise<boolean> {
    try {
      const results = (await pipeline.exec()) ?? [];
      const error = results.find(([each]) => each !== null)?.[0] ?? null;
      if (error !== null) this.#failed(error);
      return error === null;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): null {
    const text = error instanceof Error ? error.message : String(error);
    this.#complain({ err: text }, 'the room cache does not work: rooms are read from the database');
    // What hangs in a connection would only grow: it is cut, and with it what waits there.
    if (/timed out/i.test(text) && this.#client.status === 'ready') this.#client.disconnect(true);
    return null;
  }

  #open(): void {
    this.#openUntil = performance.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#openUntil = 0;
    this.#erase();
  }

  #complain(fields: object, text: string): void {
    const now = performance.now();
    if (this.#stopped || now - (this.#complainedAt.get(text) ?? -Infinity) < complainEveryMs) return;
    this.#complainedAt.set(text, now);
    this.#options.log.warn(fields, text);
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
