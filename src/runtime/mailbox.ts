/**
 * The mailbox of one shard, on the main thread: first in, first out, bounded. At its high mark it refuses until it has
 * sunk below its low mark, so that a full mailbox answers quickly and evenly instead of flapping at the edge.
 */
import type { Command } from '../actors/protocol/commands.js';
import type { LaneReply } from './frames.js';

export interface Envelope {
  readonly command: Command;
  /** Null once the caller was answered (its deadline passed while the frame is still in flight). */
  replyTo: LaneReply | null;
  /** Milliseconds since 1970; a later envelope never has an earlier one. */
  readonly deadline: number;
  /** An earlier sending of the command got no answer; it may have been executed. */
  readonly resent: boolean;
  /** Roughly the bytes the command adds to its frame. */
  readonly bytes: number;
}

export interface MailboxBounds {
  readonly highMark: number;
  readonly lowMark: number;
}

export class Mailbox {
  readonly #bounds: MailboxBounds;
  /** Read from `#head`; the slots before it are empty. Compacted when they are the larger part. */
  #queue: (Envelope | undefined)[] = [];
  #head = 0;
  #full = false;

  constructor(bounds: MailboxBounds) {
    this.#bounds = bounds;
  }

  get depth(): number {
    return this.#queue.length - this.#head;
  }

  /** False when it is over its mark: the caller refuses the command as OVERLOADED. */
  offer(envelope: Envelope): boolean {
    const depth = this.depth;
    if (this.#full && depth >= this.#bounds.lowMark) return false;
    this.#full = depth >= this.#bounds.highMark;
    if (this.#full) return false;
    this.#queue.push(envelope);
    return true;
  }

  /** The next frame: as many as fit both bounds, but at least one if there is any. */
  take(maxCommands: number, maxBytes: number): Envelope[] {
    const frame: Envelope[] = [];
    let bytes = 0;
    while (frame.length < maxCommands) {
      const next = this.#queue[this.#head];
      if (next === undefined || (frame.length > 0 && bytes + next.bytes > maxBytes)) break;
      this.#queue[this.#head++] = undefined;
      bytes += next.bytes;
      frame.push(next);
    }
    this.#compact();
    return frame;
  }

  /** Takes out what is past its deadline; none of it was ever handed to a worker. */
  expire(now: number): Envelope[] {
    const expired: Envelope[] = [];
    for (
      let next = this.#queue[this.#head];
      next !== undefined && next.deadline <= now;
      next = this.#queue[this.#head]
    ) {
      this.#queue[this.#head++] = undefined;
      expired.push(next);
    }
    this.#compact();
    return expired;
  }

  #compact(): void {
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
