/**
 * What happened in a room. Durable events are committed before anyone hears of them; ephemeral ones are never stored.
 * Events that change a message carry the message as it is after the change.
 */
import type { Message } from './message.js';

/** A durable change of a message: it takes the room's next `version` (and, when created, its next `seq`). */
export interface MessageEvent {
  readonly type: 'message_created' | 'message_edited' | 'message_deleted';
  readonly durable: true;
  readonly message: Message;
  /**
   * True when the store holds the change already: the frame committed, but its outcome was lost before anyone was told.
   * Nothing is written again; it is only broadcast.
   */
  readonly replayed: boolean;
}

/** A watermark rose. Receipts are durable, but take no version. `read` implies `delivered`. */
export interface ReceiptEvent {
  readonly type: 'receipt_advanced';
  readonly durable: true;
  readonly level: 'read' | 'delivered';
  readonly userId: string;
  /** The watermarks after the change. */
  readonly delivered: number;
  readonly read: number;
  /** The level's watermark before the change: messages in (from, upTo] are newly covered. */
  readonly from: number;
  readonly upTo: number;
  /** Ids of others' messages in (from, upTo] that the caller named or that are in the recent ring. */
  readonly messageIds: readonly string[];
  /** As in `MessageEvent`. It covers what the caller named, since where the watermark had been is not known any more. */
  readonly replayed: boolean;
}

/** Access ended for a user, or for everybody: it takes a version, so that it has its place in the room's stream. */
export interface EvictionEvent {
  readonly type: 'members_evicted';
  readonly durable: true;
  /** Id of the command. */
  readonly id: string;
  /** Null: everybody, the room is deleted. */
  readonly userId: string | null;
  readonly version: number;
  /** As in `MessageEvent`. */
  readonly replayed: boolean;
}

export interface OccupantEvent {
  readonly type: 'occupant_joined' | 'occupant_left';
  readonly durable: false;
  readonly userId: string;
  readonly socketId: string;
  /** Whether the user came with this socket, or went with it: only then are others told. */
  readonly edge: boolean;
}

export interface AnnouncedEvent {
  readonly type: 'occupants_announced';
  readonly durable: false;
  /**
   * The first to be in the room since it is in memory: whoever typed before may have been forgotten, so the others are told
   * who types now.
   */
  readonly first: boolean;
  readonly occupants: readonly (readonly [userId: string, socketId: string])[];
  /** When the edges are to be told who is in the room (ms since 1970); null for never. */
  readonly rosterAt: number | null;
}

/** Who is in the room, for edges to compare with what their sockets were told. */
export interface RosterEvent {
  readonly type: 'occupants_listed';
  readonly durable: false;
}

export interface TypingEvent {
  readonly type: 'typing_started' | 'typing_stopped';
  readonly durable: false;
  readonly userId: string;
  /** When it ends by itself (ms); 0 when stopped. */
  readonly until: number;
  /** False for a repetition within the quiet time: it prolongs, but is not broadcast. */
  readonly announced: boolean;
  /** When it happened (ms). */
  readonly at: number;
}

export type RoomEvent =
  MessageEvent | ReceiptEvent | EvictionEvent | OccupantEvent | AnnouncedEvent | RosterEvent | TypingEvent;

/** Whose access ends. */
export interface Eviction {
  /** Null: everybody's. */
  readonly userId: string | null;
}

/** One packet for sockets, encoded once. */
export interface Broadcast {
  /** JSON text of the Socket.IO event: `["new_message",{…}]`. */
  readonly packet: string;
  /** The room's version after this event; null for events without one (receipts, typing, occupants). */
  readonly version: number | null;
  /** A user none of whose sockets gets it. */
  readonly except: string | null;
  /**
   * Only on the end of somebody's access, which has a version like every durable change. The packet is for their sockets
   * alone, and is the last that these get: exactly here in the stream they leave the room. Everybody else gets nothing,
   * but stands at the version. A socket that joined later (with this version or a higher one) is not meant.
   */
  readonly evict?: Eviction;
}
