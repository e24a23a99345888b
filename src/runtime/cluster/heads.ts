/**
 * The rooms that changed lately and where they stand, for the beacons that close the last hole of a stream: the one that no
 * later burst would show. Two generations, so that noting a change is one write to a map: what is told was noted at most
 * two spans ago.
 */
import type { RoomKey } from '../../actors/protocol/ids.js';

/** Rooms of one generation; over it the older one is forgotten early: their readers find out by their slow check. */
const capacity = 50_000;

export class RecentHeads {
  readonly #spanMs: number;
  #young = new Map<RoomKey, Head>();
  #old = new Map<RoomKey, Head>();
  #since = -Infinity;

  /** @param spanMs a head is told for at least this long */
  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** @param now milliseconds, monotonic */
  note(key: RoomKey, version: number, now: number): void {
    const known = this.#young.get(key);
    if (known !== undefined) {
      if (known.version < version) this.#young.set(key, { version, since: now });
      return;
    }
    if (this.#young.size >= capacity) this.#turn(now);
    const before = this.#old.get(key);
    if (before !== undefined && before.version >= version) return;
    this.#young.set(key, { version, since: now });
  }

  /** Lets go of what is old enough. Not called while nobody can be told, so that it is told later. */
  age(now: number): void {
    if (now - this.#since >= this.#spanMs) this.#turn(now);
  }

  /** All that is kept, the newest version of each room. */
  *all(): Generator<readonly [key: RoomKey, head: Head]> {
    yield* this.#young;
    for (const entry of this.#old) if (!this.#young.has(entry[0])) yield entry;
  }

  #turn(now: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#since = now;
  }
}

export interface Head {
  readonly version: number;
  /** When it came to stand there. */
  readonly since: number;
}
