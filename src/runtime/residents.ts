/**
 * The rooms in a shard's memory and their lives:
 *
 *   cold ──▶ activating ──▶ active ──▶ evicting ──▶ cold
 *               │  ▲           │
 *               ▼  └───────────┘ stale: the durable part is read again, the occupants are kept
 *              cold (the read failed)
 *
 * A cold room is in no map. Bounded by `max`: over it empty rooms that were not used lately leave. Occupied rooms never leave,
 * since nobody else knows who is in them: they are bounded by refusing whoever would occupy one more (`free`).
 */
import type { RoomKey } from '../actors/protocol/ids.js';
import type { RoomSnapshot } from '../actors/protocol/state.js';
import type { Behaviour } from './behaviour.js';

export type Life = 'cold' | 'activating' | 'active' | 'evicting';

const transitions: Readonly<Record<Life, readonly Life[]>> = {
  cold: ['activating'],
  activating: ['active', 'cold'],
  active: ['activating', 'evicting'],
  evicting: ['cold'],
};

export class RoomCell<State> {
  readonly key: RoomKey;
  readonly partition: number;
  #life: Life = 'cold';
  /** Null while cold and during the first activation. */
  state: State | null = null;
  /** The durable part of the state can not be trusted: a frame that changed it did not commit. */
  stale = false;
  usedAt = 0;
  /** As of the last frame that settled: what an uncommitted frame did to it has not happened. */
  occupied = false;
  /** Used since the eviction hand last passed. */
  referenced = false;

  constructor(key: RoomKey, partition: number) {
    this.key = key;
    this.partition = partition;
  }

  get life(): Life {
    return this.#life;
  }

  /** @throws Error for a transition that is not in the picture above: a bug of the runtime. */
  advance(to: Life): void {
    if (!transitions[this.#life].includes(to)) throw new Error(`room life: ${this.#life} cannot become ${to}`);
    this.#life = to;
  }
}

export interface ResidentsOptions<State> {
  readonly max: number;
  readonly idleTtlMs: number;
  readonly partitionOf: (key: RoomKey) => number;
  readonly read: (keys: readonly RoomKey[]) => Promise<readonly RoomSnapshot[]>;
  /** A room leaves memory in a state that is committed and not used any more. */
  readonly onEvicted?: (state: State) => void;
}

/** How many rooms one eviction pass looks at, so that a sweep over very many rooms never holds the event loop. */
const sweepSlice = 20_000;

export class Residents<State, Reply> {
  readonly #behaviour: Behaviour<State, Reply>;
  readonly #options: ResidentsOptions<State>;
  readonly #cells = new Map<RoomKey, RoomCell<State>>();
  /** Those of the cells that are not occupied: only these may leave. */
  readonly #empty = new Set<RoomCell<State>>();
  #hand: Iterator<RoomCell<State>> | null = null;
  activations = 0;
  evictions = 0;

  constructor(behaviour: Behaviour<State, Reply>, options: ResidentsOptions<State>) {
    this.#behaviour = behaviour;
    this.#options = options;
  }

  get size(): number {
    return this.#cells.size;
  }

  /** How many more rooms may become occupied; negative when announcements brought more than the bound. */
  get free(): number {
    return this.#options.max - (this.#cells.size - this.#empty.size);
  }

  /** The state of a room that is in memory and sound, else null. */
  peek(key: RoomKey): State | null {
    return this.#cells.get(key)?.state ?? null;
  }

  /** Whether a room can answer without anything being read. */
  holds(key: RoomKey): boolean {
    const cell = this.#cells.get(key);
    return cell !== undefined && cell.state !== null && !cell.stale;
  }

  /** Active cells for the keys (distinct), reading from the store what is cold or stale in one go. */
  async activate(keys: Iterable<RoomKey>, now: number): Promise<Map<RoomKey, RoomCell<State>>> {
    const cells = new Map<RoomKey, RoomCell<State>>();
    let cold: RoomCell<State>[] | null = null;
    for (const key of keys) {
      if (cells.has(key)) continue;
      let cell = this.#cells.get(key);
      if (cell === undefined) cell = new RoomCell<State>(key, this.#options.partitionOf(key));
      cell.usedAt = now;
      cell.referenced = true;
      cells.set(key, cell);
      if (cell.state === null || cell.stale) (cold ??= []).push(cell);
    }
    if (cold !== null) await this.#read(cold);
    return cells;
  }

  async #read(cold: readonly RoomCell<State>[]): Promise<void> {
    for (const cell of cold) cell.advance('activating');
    let snapshots: readonly RoomSnapshot[];
    try {
      snapshots = await this.#options.read(cold.map((cell) => cell.key));
    } catch (error) {
      // A cell with occupants stays known (and stale) so that they are not forgotten with the failed read.
      for (const cell of cold) {
        if (cell.state === null) cell.advance('cold');
        else cell.advance('active');
      }
      throw error;
    }
    cold.forEach((cell, i) => {
      const snapshot = snapshots[i];
      if (snapshot?.key !== cell.key) throw new Error('store: snapshots do not match the rooms asked for');
      const fresh = this.#behaviour.activate(snapshot);
      cell.state = cell.state === null ? fresh : this.#behaviour.carry(cell.state, fresh);
      cell.stale = false;
      cell.advance('active');
      this.#cells.set(cell.key, cell);
      if (!cell.occupied) this.#empty.add(cell);
    });
    this.activations += cold.length;
  }

  /** The frame that touched these rooms committed. */
  settle(cells: Iterable<RoomCell<State>>): void {
    for (const cell of cells) {
      if (cell.state === null) continue;
      this.#behaviour.settle(cell.state);
      const occupied = this.#behaviour.occupied(cell.state);
      if (occupied === cell.occupied) continue;
      cell.occupied = occupied;
      if (occupied) this.#empty.delete(cell);
      else this.#empty.add(cell);
    }
  }

  /** The frame did not commit: what it did to these rooms is to be read again. */
  invalidate(keys: Iterable<RoomKey>): void {
    for (const key of keys) {
      const cell = this.#cells.get(key);
      if (cell !== undefined) cell.stale = true;
    }
  }

  /** The connection under which the states were read is gone: none of their durable parts may be used again. */
  invalidateAll(): void {
    for (const cell of this.#cells.values()) cell.stale = true;
  }

  /** Lets all rooms of these partitions go, occupied or not: another shard may own them now. */
  drop(partitions: ReadonlySet<number>): void {
    for (const cell of this.#cells.values()) if (partitions.has(cell.partition)) this.#evict(cell);
  }

  /** The rooms in memory whose states are such. */
  keysWhere(such: (state: State) => boolean): RoomKey[] {
    const keys: RoomKey[] = [];
    for (const cell of this.#cells.values()) if (cell.state !== null && such(cell.state)) keys.push(cell.key);
    return keys;
  }

  /** Lets empty rooms go that were not used for the idle time. Looks at a slice of them per call. */
  evictIdle(now: number): void {
    for (let looks = Math.min(sweepSlice, this.#empty.size); looks > 0; looks--) {
      const cell = this.#next();
      if (cell === null) return;
      if (now - cell.usedAt >= this.#options.idleTtlMs) this.#evict(cell);
    }
  }

  /** Brings the number of rooms back to its bound (second chance: a room used since the hand last passed stays for now). */
  evictSurplus(): void {
    for (let looks = 2 * this.#empty.size; this.#cells.size > this.#options.max && looks > 0; looks--) {
      const cell = this.#next();
      if (cell === null) return;
      if (cell.referenced) cell.referenced = false;
      else this.#evict(cell);
    }
  }

  #evict(cell: RoomCell<State>): void {
    cell.advance('evicting');
    this.#cells.delete(cell.key);
    this.#empty.delete(cell);
    if (cell.state !== null && !cell.stale) this.#options.onEvicted?.(cell.state);
    cell.state = null;
    cell.advance('cold');
    this.evictions++;
  }

  #next(): RoomCell<State> | null {
    this.#hand ??= this.#empty.values();
    const step = this.#hand.next();
    if (step.done !== true) return step.value;
    this.#hand = this.#empty.values();
    const first = this.#hand.next();
    return first.done === true ? null : first.value;
  }
}
