/**
 * One room as the sockets of this node see it: who is in it, and how far each of them has got. It decides which broadcasts
 * a socket gets, so that after its `room_joined` it sees every later change once and in order.
 *
 * Almost always all members stand where the room stands. A member that does not is kept `apart`:
 * - one that joined in the frame being delivered gets of the frame's ephemeral broadcasts those placed after its join;
 * - one whose `room_joined` is newer than the stream here (it comes from another node, or from later in the frame) gets
 *   nothing that it brought already; one whose `room_joined` is older gets first what it did not bring (see `standing`);
 * - one that was in the room and joins again gets its `room_joined` exactly between the changes that it brings and the later.
 */
import type { Standing } from '../runtime/rooms.js';
import type { OutgoingBurst, OutgoingEvent } from './fanout/burst.js';
import type { Roster } from './roster.js';
import type { Session } from './session.js';

/** A `room_joined` that waits for its place. */
interface Repeat extends Standing {
  /** Its place in the frame being delivered; -1 when that is over, or was never here. */
  at: number;
  readonly packets: readonly string[];
}

interface Apart {
  version: number;
  seq: number;
  /** Ephemeral broadcasts up to this place of the frame being delivered are not for it; -1 when the frame is over. */
  after: number;
  /** In order; bounded by the joins that one socket may have on their way. */
  readonly repeats: Repeat[];
  /** Its access ended, but it has joined again since: nothing is for it until its next `room_joined`. */
  out: boolean;
}

export class Room {
  readonly members = new Set<Session>();
  /** At most one entry per member. */
  readonly #apart = new Map<Session, Apart>();
  /** Null where no list of occupants ever comes. */
  readonly roster: Roster | null;
  #version: number;
  #seq: number;

  constructor({ version, seq }: Standing, roster: Roster | null) {
    this.roster = roster;
    this.#version = version;
    this.#seq = seq;
  }

  get version(): number {
    return this.#version;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Where the member that is furthest behind stands. */
  get standing(): Standing {
    let lowest: Standing | null =
      this.#apart.size < this.members.size ? { version: this.#version, seq: this.#seq } : null;
    for (const one of this.#apart.values()) if (lowest === null || one.version < lowest.version) lowest = one;
    return { version: lowest?.version ?? this.#version, seq: lowest?.seq ?? this.#seq };
  }

  /** Whether a member stands before the room, so that the stream's next broadcast is not the next for it. */
  get behind(): boolean {
    for (const { version } of this.#apart.values()) if (version < this.#version) return true;
    return false;
  }

  /**
   * @param at the join's place in the frame being delivered; -1 when it was answered by another node
   * @param packets what the joiner alone gets, `room_joined` first
   */
  add(session: Session, at: number, { version, seq }: Standing, packets: readonly string[]): void {
    if (!this.members.has(session)) {
      this.members.add(session);
      if (at >= 0 || version !== this.#version)
        this.#apart.set(session, { version, seq, after: at, repeats: [], out: false });
      for (const packet of packets) session.push(packet);
      return;
    }
    let apart = this.#apart.get(session);
    if (apart === undefined) {
      apart = { version: this.#version, seq: this.#seq, after: -1, repeats: [], out: false };
      this.#apart.set(session, apart);
    }
    apart.repeats.push({ version, seq, at, packets });
    if (at < 0) this.#place(session, apart);
  }

  /** What still waited for its place is given now. */
  remove(session: Session): boolean {
    for (const { packets } of this.#apart.get(session)?.repeats ?? [])
      for (const packet of packets) session.push(packet);
    this.#apart.delete(session);
    return this.members.delete(session);
  }

  /**
   * Gives a burst that follows what the room has seen, or what was read from the store to fill a hole.
   * @param give for members that get all of a burst
   * @returns the sessions whose access ended in it, which are no members any more
   */
  deliver(burst: OutgoingBurst, to: Standing, give: (session: Session, burst: OutgoingBurst) => void): Session[] {
    const evicted: Session[] = [];
    for (const session of this.members) {
      const apart = this.#apart.size === 0 ? undefined : this.#apart.get(session);
      if (apart !== undefined) {
        if (this.#giveApart(session, apart, burst, to, this.#version)) evicted.push(session);
      } else if (burst.evicts) {
        if (this.#give(session, burst)) evicted.push(session);
      } else give(session, burst);
    }
    this.#advance(to);
    for (const session of evicted) this.remove(session);
    return evicted;
  }

  /** The same for what was read from the store: members get of it what they have not seen. */
  repair(burst: OutgoingBurst, to: Standing): Session[] {
    const evicted: Session[] = [];
    const seen: Standing = { version: this.#version, seq: this.#seq };
    const missed = burst.view([...burst.events.keys()].filter((index) => !isPast(burst.events[index], seen, -1)));
    for (const session of this.members) {
      const apart = this.#apart.get(session);
      if (apart !== undefined) {
        if (this.#giveApart(session, apart, burst, to, 0)) evicted.push(session);
      } else if (burst.evicts) {
        if (this.#give(session, burst)) evicted.push(session);
      } else if (missed !== null) session.push(missed);
    }
    this.#advance(to);
    for (const session of evicted) this.remove(session);
    return evicted;
  }

  /** Tells those who are behind that they missed something, and lets them go on with the others. */
  announceGap(packet: string): void {
    for (const [session, apart] of this.#apart) {
      if (apart.version >= this.#version) continue;
      session.push(packet);
      apart.version = this.#version;
      apart.seq = this.#seq;
      this.#place(session, apart);
    }
  }

  /** The frame is over: places in it mean nothing any more. */
  settle(): void {
    for (const [session, apart] of this.#apart) {
      apart.after = -1;
      for (const repeat of apart.repeats) repeat.at = -1;
      this.#place(session, apart);
    }
  }

  #advance({ version, seq }: Standing): void {
    this.#version = Math.max(this.#version, version);
    this.#seq = Math.max(this.#seq, seq);
    for (const [session, apart] of this.#apart) this.#place(session, apart);
  }

  /** Gives the joins whose place has come. */
  #place(session: Session, apart: Apart): void {
    let [next] = apart.repeats;
    while (next !== undefined && next.version <= apart.version) {
      enter(session, apart);
      [next] = apart.repeats;
    }
    this.#rejoin(session, apart);
  }

  #rejoin(session: Session, apart: Apart): void {
    if (apart.version === this.#version && apart.after === -1 && apart.repeats.length === 0 && !apart.out)
      this.#apart.delete(session);
  }

  /** @returns whether its access ended */
  #give(session: Session, burst: OutgoingBurst): boolean {
    const position: Apart = { version: this.#version, seq: this.#seq, after: -1, repeats: [], out: false };
    return this.#giveApart(session, position, burst, position, 0);
  }

  /** @param from what precedes the burst; a member that has not seen that much stays behind, and gets nothing of it */
  #giveApart(session: Session, apart: Apart, burst: OutgoingBurst, to: Standing, from: number): boolean {
    const userId = session.identity?.userId ?? '';
    let seen: Standing = { version: apart.version, seq: apart.seq };
    let picks: number[] = [];
    const flush = (): void => {
      const view = burst.view(picks);
      picks = [];
      if (view !== null) session.push(view);
    };
    for (const [index, event] of burst.events.entries()) {
      for (let [next] = apart.repeats; next !== undefined && precedes(next, event); [next] = apart.repeats) {
        flush();
        enter(session, apart);
        // What it brings is not given again, what it does not bring follows it, even where the socket had seen it before.
        seen = next;
      }
      if (apart.out || event.except === userId || seen.version < from || isPast(event, seen, apart.after)) continue;
      const { evict } = event;
      if (evict !== undefined && evict.userId !== null && evict.userId !== userId) continue;
      picks.push(index);
      if (evict !== undefined) apart.out = true;
    }
    flush();
    const behind = seen.version < from;
    apart.version = behind ? seen.version : Math.max(seen.version, to.version);
    apart.seq = behind ? seen.seq : Math.max(seen.seq, to.seq);
    return apart.out && apart.repeats.length === 0;
  }
}

/** Gives the next `room_joined` that waits. */
function enter(session: Session, apart: Apart): void {
  const repeat = apart.repeats.shift();
  if (repeat === undefined) return;
  for (const packet of repeat.packets) session.push(packet);
  apart.version = repeat.version;
  apart.seq = repeat.seq;
  apart.out = false;
}

/** Whether a join comes before an event: what the event tells is not in its `room_joined`. */
function precedes(join: Repeat, event: OutgoingEvent): boolean {
  if (event.version === null) return join.at >= 0 && event.at > join.at;
  return typeof event.seq === 'number' ? event.seq > join.seq : event.version > join.version;
}

/** Whether a socket has seen it already. */
function isPast(event: OutgoingEvent | undefined, seen: Standing, after: number): boolean {
  if (event === undefined) return true;
  if (event.version === null) return event.at <= after;
  return typeof event.seq === 'number' ? event.seq <= seen.seq : event.version <= seen.version;
}
