/**
 * The mailbox of one shard, on the main thread: bounded, fair between rooms, first in, first out within each.
 *
 * While all that waits fits into the next frame, order between rooms changes nothing: the waiting commands lie in one array,
 * which becomes the frame as it is. Once more waits than a frame takes, they are sorted by room, and frames are filled with
 * one command of each room in turn, so that a hot room costs its neighbours a place and not a queue.
 *
 * Two bounds, each with a high and a low mark, so that what is full answers quickly and evenly instead of flapping at the
 * edge: one of the whole mailbox, and one of every room, which is half of it: a room alone cannot close the others out.
 */
import type { Command } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { Fifo } from './fifo.js';
import type { LaneReply } from './frames.js';

export interface Envelope {
  readonly command: Command;
  /** Null once the caller was answered (its deadline passed while the frame is still in flight). */
  replyTo: LaneReply | null;
  /** Milliseconds, monotonic; a later envelope never has an earlier one. */
  readonly deadline: number;
  /** An earlier sending of the command got no answer; it may have been executed. */
  readonly resent: boolean;
  /** Roughly the bytes the command adds to its frame. */
  readonly bytes: number;
}

export interface MailboxBounds {
  /** At so many commands it refuses, until it has sunk below the low mark. */
  readonly highMark: number;
  readonly lowMark: number;
}

/** The commands of one room that wait; there is none for a room without. */
interface RoomQueue {
  readonly key: RoomKey;
  readonly waiting: Fifo<Envelope>;
  /** Over its share: refused until below three quarters of it. */
  full: boolean;
}

export class Mailbox {
  readonly #bounds: MailboxBounds;
  readonly #share: number;
  /** Everything that waits, in order, unless it is sorted. */
  #inbox: Envelope[] = [];
  /** Everything that waits, by room, once it was sorted and until nothing waits; null while it is not sorted. */
  #rooms: Map<RoomKey, RoomQueue> | null = null;
  /** The rooms in `#rooms`, the one whose turn it is first. */
  #turns = new Fifo<RoomQueue>();
  #depth = 0;
  #bytes = 0;
  #full = false;

  constructor(bounds: MailboxBounds) {
    this.#bounds = bounds;
    this.#share = Math.max(1, bounds.highMark >> 1);
  }

  get depth(): number {
    return this.#depth;
  }

  /** False when it, or the command's room in it, is over its mark: the caller refuses the command as OVERLOADED. */
  offer(envelope: Envelope): boolean {
    const depth = this.#depth;
    if (this.#full && depth >= this.#bounds.lowMark) return false;
    this.#full = depth >= this.#bounds.highMark;
    if (this.#full) return false;
    // Below so many commands no room can be over its share: none is counted.
    if (this.#rooms === null && depth >= this.#share) this.#sort();
    if (this.#rooms === null) this.#inbox.push(envelope);
    else if (!this.#file(this.#rooms, envelope)) return false;
    this.#depth++;
    this.#bytes += envelope.bytes;
    return true;
  }

  /** The next frame: as many as fit both bounds, but at least one if there is any. */
  take(maxCommands: number, maxBytes: number): Envelope[] {
    const depth = this.#depth;
    if (this.#rooms === null && depth <= maxCommands && (this.#bytes <= maxBytes || depth <= 1)) {
      const frame = this.#inbox;
      this.#inbox = [];
      this.#depth = 0;
      this.#bytes = 0;
      return frame;
    }
    this.#sort();
    const frame: Envelope[] = [];
    let bytes = 0;
    while (frame.length < maxCommands) {
      const room = this.#turns.peek();
      const next = room?.waiting.peek();
      // A command that does not fit keeps its room's turn for the next frame.
      if (room === undefined || next === undefined || (frame.length > 0 && bytes + next.bytes > maxBytes)) break;
      this.#turns.shift();
      this.#pass(room);
      if (room.waiting.size > 0) this.#turns.push(room);
      else this.#rooms?.delete(room.key);
      bytes += next.bytes;
      frame.push(next);
    }
    if (this.#depth === 0) this.#rooms = null;
    return frame;
  }

  /** Takes out what is past its deadline; none of it was ever handed to a worker. */
  expire(now: number): Envelope[] {
    if (this.#rooms === null) {
      const first = this.#inbox.findIndex(({ deadline }) => deadline > now);
      const expired = first === 0 ? [] : this.#inbox.splice(0, first === -1 ? this.#inbox.length : first);
      this.#depth -= expired.length;
      for (const { bytes } of expired) this.#bytes -= bytes;
      return expired;
    }
    const expired: Envelope[] = [];
    const left = new Fifo<RoomQueue>();
    for (let room = this.#turns.shift(); room !== undefined; room = this.#turns.shift()) {
      for (let next = room.waiting.peek(); next !== undefined && next.deadline <= now; next = room.waiting.peek()) {
        this.#pass(room);
        expired.push(next);
      }
      if (room.waiting.size > 0) left.push(room);
      else this.#rooms.delete(room.key);
    }
    this.#turns = left;
    if (this.#depth === 0) this.#rooms = null;
    return expired;
  }

  /** The first command of a room leaves. */
  #pass(room: RoomQueue): void {
    const envelope = room.waiting.shift();
    if (envelope === undefined) return;
    this.#depth--;
    this.#bytes -= envelope.bytes;
  }

  /** Each command is sorted at most once, so this costs O(1) per command. */
  #sort(): void {
    if (this.#rooms !== null) return;
    const rooms = (this.#rooms = new Map<RoomKey, RoomQueue>());
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const envelope of inbox) this.#file(rooms, envelope);
  }

  /** False when the room is over its share. */
  #file(rooms: Map<RoomKey, RoomQueue>, envelope: Envelope): boolean {
    const { key } = envelope.command;
    let room = rooms.get(key);
    if (room === undefined) {
      room = { key, waiting: new Fifo(), full: false };
      rooms.set(key, room);
      this.#turns.push(room);
    } else {
      const waiting = room.waiting.size;
      if (room.full && waiting * 4 >= this.#share * 3) return false;
      room.full = waiting >= this.#share;
      if (room.full) return false;
    }
    room.waiting.push(envelope);
    return true;
  }
}
