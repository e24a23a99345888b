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

  #selected(picks: readonly number[]): Buffer {
    const { bytes, offsets } = this.burst.frames;
    return Buffer.concat(picks.map((index) => bytes.subarray(offsets[index], offsets[index + 1])));
  }
}

export class OutgoingBurst {
  /** As clients know it; null for a direct conversation. */
  readonly roomId: string | null;
  readonly events: readonly PlacedBroadcast[];
  /** The highest version in it, or else the room's last one. */
  readonly version: number;
  /** Socket.IO packets, one per event. */
  readonly packets: readonly string[];
  /** Users that must not get all of it; null when there are none. */
  readonly excepted: ReadonlySet<string> | null;
  readonly all: View = new View(this, null);
  #frames: Frames | null = null;
  /** Selections shared by the sockets of a user; at most two per excepted user and two more. */
  readonly #views = new Map<string, View | null>();

  constructor(roomId: string | null, events: readonly PlacedBroadcast[], version: number) {
    this.roomId = roomId;
    this.events = events;
    this.version = version;
    this.packets = events.map((event) => `2${event.packet}`);
    const excepted = new Set<string>();
    for (const { except } of events) if (except !== null) excepted.add(except);
    this.excepted = excepted.size === 0 ? null : excepted;
  }

  /** How many of its events are ephemeral. */
  get ephemeral(): number {
    return this.events.reduce((count, event) => (event.version === null ? count + 1 : count), 0);
  }

  get frames(): Frames {
    return (this.#frames ??= encodeFrames(this.packets));
  }

  /** What a user's sockets get, without ephemeral events when `durableOnly`; null when that is nothing. */
  viewFor(userId: string, durableOnly: boolean): View | null {
    const excepted = this.excepted?.has(userId) === true;
    if (!excepted && !durableOnly) return this.all;
    const key = `${durableOnly ? 'd' : 'a'}${excepted ? userId : ''}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      view = this.between(userId, -1, Infinity, durableOnly);
      this.#views.set(key, view);
    }
    return view;
  }

  /** The part of it that happened after command `after` and before command `before` of the frame; null for nothing. */
  between(userId: string, after: number, before: number, durableOnly: boolean): View | null {
    const picks: number[] = [];
    for (const [index, event] of this.events.entries()) {
      if (event.at <= after || event.at >= before || event.except === userId) continue;
      if (durableOnly && event.version === null) continue;
      picks.push(index);
    }
    return picks.length === 0 ? null : new View(this, picks);
  }
}
