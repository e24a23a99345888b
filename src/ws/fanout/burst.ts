/**
 * All broadcasts of one room in one frame, encoded once for every socket. Most sockets get all of them; the few that get a
 * part (an excepted user, a socket that joined in this frame, one that reads slowly) get a selection of the same bytes.
 */
import type { PlacedBroadcast } from '../../runtime/frames.js';
import { encodeFrames, type Frames } from './frames.js';

/** The options by which engine.io passes bytes to a WebSocket as they are. */
export interface WriteOptions {
  compress: boolean;
  /** One or two buffers: that is what `ws` writes in one go. */
  readonly wsPreEncodedFrame: readonly Buffer[];
}

/**
 * What a socket is still given, by how far it is behind: everything; all but typing and presence; durable events only.
 * Of what is left out first, less is lost: it is soon out of date anyway.
 */
export type Pressure = 0 | 1 | 2;

/** Some packets of a burst, in order. Bytes are made when the first WebSocket asks for them. */
export class View {
  readonly burst: OutgoingBurst;
  readonly #picks: readonly number[] | null;
  #bytes: Buffer | null = null;
  #options: WriteOptions | null = null;

  /** @param picks indices of the burst's events; null for all */
  constructor(burst: OutgoingBurst, picks: readonly number[] | null) {
    this.burst = burst;
    this.#picks = picks;
  }

  get packets(): readonly string[] {
    if (this.#picks === null) return this.burst.packets;
    return this.#picks.map((index) => this.burst.packets[index] ?? '');
  }

  get bytes(): Buffer {
    return (this.#bytes ??= this.#picks === null ? this.burst.frames.bytes : this.#selected(this.#picks));
  }

  /** One object for all sockets that get nothing but this. */
  get options(): WriteOptions {
    return (this.#options ??= { compress: false, wsPreEncodedFrame: [this.bytes] });
  }

  /**
   * Neighbours stay together, and one run of them is not copied: a socket that joined gets the rest of the burst, and copies
   * would be the square of the joins in a frame.
   */
  #selected(picks: readonly number[]): Buffer {
    const { bytes, offsets } = this.burst.frames;
    const runs: Buffer[] = [];
    for (let at = 0; at < picks.length;) {
      const first = picks[at] ?? 0;
      let end = first;
      for (; picks[at] === end; at += 1) end += 1;
      runs.push(bytes.subarray(offsets[first], offsets[end]));
    }
    const [only] = runs;
    return runs.length === 1 && only !== undefined ? only : Buffer.concat(runs);
  }
}

/** A broadcast that is on its way out. */
export interface OutgoingEvent extends PlacedBroadcast {
  /** Of a new message that was read from the store: sockets are past it by their seq, not by its version. */
  readonly seq?: number | null;
}

export class OutgoingBurst {
  /** As clients know it; null for a direct conversation. */
  readonly roomId: string | null;
  readonly events: readonly OutgoingEvent[];
  /** The highest version in it, or else the room's last one. */
  readonly version: number;
  /** Socket.IO packets, one per event. */
  readonly packets: readonly string[];
  /** Users that must not get all of it; null when there are none. */
  readonly excepted: ReadonlySet<string> | null;
  /** Whether somebody's access ends in it: then every socket is looked at by itself. */
  readonly evicts: boolean;
  readonly all: View = new View(this, null);
  #frames: Frames | null = null;
  /** Selections shared by the sockets of a user; at most three per excepted user and three more. */
  readonly #views = new Map<string, View | null>();

  constructor(roomId: string | null, events: readonly OutgoingEvent[], version: number) {
    this.roomId = roomId;
    this.events = events;
    this.version = version;
    this.packets = events.map((event) => `2${event.packet}`);
    const excepted = new Set<string>();
    let evicts = false;
    for (const { except, evict } of events) {
      if (except !== null) excepted.add(except);
      if (evict !== undefined) evicts = true;
    }
    this.excepted = excepted.size === 0 ? null : excepted;
    this.evicts = evicts;
  }

  /** How many of its events are left out under a pressure. */
  shed(pressure: Pressure): number {
    return this.events.reduce((count, event) => (isShed(event, pressure) ? count + 1 : count), 0);
  }

  get frames(): Frames {
    return (this.#frames ??= encodeFrames(this.packets));
  }

  /** What a user's sockets get under a pressure; null when that is nothing. */
  viewFor(userId: string, pressure: Pressure): View | null {
    const excepted = this.excepted?.has(userId) === true;
    if (!excepted && pressure === 0) return this.all;
    const key = `${pressure}${excepted ? userId : ''}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      const picks: number[] = [];
      for (const [index, event] of this.events.entries())
        if (event.except !== userId && !isShed(event, pressure)) picks.push(index);
      view = this.view(picks);
      this.#views.set(key, view);
    }
    return view;
  }

  /** Some of its events; null for none. */
  view(picks: readonly number[]): View | null {
    return picks.length === 0 ? null : new View(this, picks);
  }
}

function isShed({ version, packet }: OutgoingEvent, pressure: Pressure): boolean {
  if (pressure === 0 || version !== null) return false;
  return pressure === 2 || !isReceipt(packet);
}

function isReceipt(packet: string): boolean {
  return packet.startsWith('["messages_');
}
