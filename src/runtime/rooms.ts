/** THE facade: all that the edges know of the runtime. Commands go in, outcomes and bursts come out, in order. */
import type { AnnounceCommand, Command, PageCommand } from '../actors/protocol/commands.js';
import type { Broadcast } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Burst, Outcome } from './frames.js';

/**
 * Called exactly once, synchronously before the bursts of the same frame; `at` is the command's place in its frame. When
 * another node answered, it is -1: the room's bursts come by its stream, and are told apart from the answer by their version.
 */
export type ReplyTo = (outcome: Outcome, at: number) => void;

/** What an edge is to the runtime. */
export interface EdgeListener {
  /** The bursts of one committed frame, after all of its replies were given. Empty when the frame had none. */
  onBursts(bursts: readonly Burst[]): void;
  /** The sockets of this edge in a room, for an actor that lost its memory; null when there are none. */
  announce(key: RoomKey): AnnounceCommand | null;
  /** The rooms in which this edge has sockets. */
  occupiedRooms(): Iterable<RoomKey>;
}

/** How far sockets have got in a room. */
export interface Standing {
  readonly version: number;
  readonly seq: number;
}

/** A broadcast made from the store, since the original was missed on its way. */
export interface RepairedBroadcast extends Broadcast {
  readonly version: number;
  /** Of a new message, else null. New messages are known by their seq: the version of one that changed since is not kept. */
  readonly seq: number | null;
}

export interface RepairedRoom {
  readonly key: RoomKey;
  /** All that changed after the edge's standing, in order; null when that is too much to be told one by one. */
  readonly events: readonly RepairedBroadcast[] | null;
  /** Ends of access among what is too much; `events` have theirs. */
  readonly evictions?: readonly RepairedBroadcast[];
  /** Where everyone stands afterwards. */
  readonly to: Standing;
}

/** An edge that hears of rooms on other nodes as well: it says where it stands, and is given what it missed. */
export interface StreamEdge extends EdgeListener {
  /** Where the sockets that are furthest behind stand in a room; null when none of this edge hears of it. */
  standing(key: RoomKey): Standing | null;
  onRepaired(room: RepairedRoom): void;
  /** From now on `listener` is told of rooms in which a socket joined behind the others; before, that is announced to it. */
  onBehind(listener: (key: RoomKey) => void): void;
  /** A packet (JSON text of an event) for every socket of a user. */
  onPersonal(userId: string, packet: string): void;
  /**
   * A direct conversation stands elsewhere at `version` since `ageMs`. Sockets of its users that were there and did not hear
   * of it are told resync_required.
   */
  onDirectHead(key: RoomKey, version: number, ageMs: number): void;
  /** Anything may have been missed in direct conversations: every socket is told resync_required. */
  onDirectGap(): void;
}

export interface Rooms {
  /** Puts a command into its room's mailbox. Over the mailbox's high mark it is refused at once: OVERLOADED. */
  send(command: Command, replyTo: ReplyTo): void;
  /** The same as a promise; it never rejects. */
  ask(command: Command): Promise<Outcome>;
  /**
   * A page out of a room's memory, where this node has it: JSON text as in `actors/protocol/replies.ts`. It says no less than
   * every answer given before the call. Null where the store is to be asked: the room is not in memory here, or not all of
   * the page is, or the room does not answer soon. Never rejects.
   */
  page(command: PageCommand): Promise<string | null>;
  /** The one edge of this process. */
  attach(listener: EdgeListener): void;
  /** False before the start, while draining and after the stop; true also while no worker can serve for a moment. */
  readonly accepting: boolean;
}
