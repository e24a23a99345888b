/**
 * Commands of one partition that cannot be sent yet, in the order in which they were given. Two kinds are in it: new ones,
 * which come last and are refused when it is full, and ones that came back from a node that no longer holds the partition,
 * which go before all that came after them and are never refused: they were counted when they were new.
 */
import type { Command } from '../../actors/protocol/commands.js';
import type { ReplyTo } from '../rooms.js';

export interface Entry {
  readonly command: Command;
  /** Null once answered, and for announcements. */
  replyTo: ReplyTo | null;
  /** Milliseconds, monotonic. */
  readonly deadline: number;
  /** Grows with every command of the router. */
  readonly order: number;
  /** It was sent before and may have been executed. */
  resent: boolean;
  /** The room's stream was followed for it; only a join asks. */
  followed: boolean;
}

/** Room that several partitions share: a full cluster must not grow without bound either. */
export class ParkingSpace {
  readonly #capacity: number;
  #taken = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get full(): boolean {
    return this.#taken >= this.#capacity;
  }

  change(by: number): void {
    this.#taken += by;
  }
}

export class Parking {
  readonly #capacity: number;
  readonly #space: ParkingSpace;
  /** Ascending by order, read from `#head`. */
  #queue: Entry[] = [];
  #head = 0;
  /** Came back; merged when the queue is read again. */
  #returned: Entry[] = [];

  /** @param capacity over it, or with the shared space full, new commands are refused */
  constructor(capacity: number, space: ParkingSpace) {
    this.#capacity = capacity;
    this.#space = space;
  }

  get size(): number {
    return this.#queue.length - this.#head + this.#returned.length;
  }

  /** False when there is no room. */
  offer(entry: Entry): boolean {
    if (this.#space.full || this.size >= this.#capacity) return false;
    this.#space.change(1);
    this.#queue.push(entry);
    return true;
  }

  giveBack(entry: Entry): void {
    this.#space.change(1);
    this.#returned.push(entry);
  }

  /** The oldest, which stays. */
  peek(): Entry | undefined {
    if (this.#returned.length > 0) {
      this.#queue = [...this.#returned, ...this.#queue.slice(this.#head)].sort((a, b) => a.order - b.order);
      this.#head = 0;
      this.#returned = [];
    }
    return this.#queue[this.#head];
  }

  /** Removes the oldest. */
  shift(): void {
    this.#space.change(-1);
    this.#head += 1;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Removes and returns what is past its deadline. Deadlines grow with the order. */
  expire(now: number): Entry[] {
    const expired: Entry[] = [];
    for (let next = this.peek(); next !== undefined && next.deadline <= now; next = this.peek()) {
      expired.push(next);
      this.shift();
    }
    return expired;
  }
}
