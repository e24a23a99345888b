/**
 * Bursts that wait until a hole before them is filled, one queue per room that is being repaired. Bounds: so many characters
 * of packets per room, and over all rooms; over it a queue is emptied, for its reader to ask the store instead.
 */
import type { Burst } from '../frames.js';

const perRoom = 4 * 1024 * 1024;
const overall = 64 * 1024 * 1024;

export class Backlogs {
  #size = 0;

  create(): Backlog {
    return new Backlog((change) => (this.#size += change) <= overall);
  }
}

export class Backlog {
  /** Adds to what all of them hold; false when that is too much. */
  readonly #account: (change: number) => boolean;
  #bursts: Burst[] = [];
  #size = 0;

  constructor(account: (change: number) => boolean) {
    this.#account = account;
  }

  /** @returns false when there is no room: then everything in it is dropped, the burst too */
  add(burst: Burst): boolean {
    this.#bursts.push(burst);
    const fits = this.#resize(sizeOf(burst));
    if (fits && this.#size <= perRoom) return true;
    this.clear();
    return false;
  }

  /** Gives the bursts to `deliver` in order, until it refuses one: that and the rest stay. @returns whether none stayed */
  drain(deliver: (burst: Burst) => boolean): boolean {
    const first = this.#bursts.findIndex((burst) => {
      if (!deliver(burst)) return true;
      this.#resize(-sizeOf(burst));
      return false;
    });
    this.#bursts = first === -1 ? [] : this.#bursts.slice(first);
    return first === -1;
  }

  clear(): void {
    this.#bursts = [];
    this.#resize(-this.#size);
  }

  #resize(change: number): boolean {
    this.#size += change;
    return this.#account(change);
  }
}

function sizeOf({ events }: Burst): number {
  let size = 0;
  for (const { packet } of events) size += packet.length;
  return size;
}
