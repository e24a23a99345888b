/** What the edges ask of a room. Everything in it is checked for shape before it is made; plain data, it crosses threads. */
import type { RoomKey } from './ids.js';
import type { PageQuery } from './pages.js';

interface Addressed {
  readonly key: RoomKey;
  /** UUID v7 made at the edge; for `send` it becomes the message's id. */
  readonly id: string;
}

/** Somebody enters the room, or speaks in it: refused to those whose access ended, until it is known to be given anew. */
interface Admitted {
  /**
   * The version of the user's removal in the knowledge of which the edge asked for access again; absent when it knows of
   * none. A removal above it is answered as NOT_FOUND with `removal`, see `rejections.ts`.
   */
  readonly admitted?: number;
}

export interface SendCommand extends Addressed, Admitted {
  readonly kind: 'send';
  readonly senderId: string;
  readonly senderName: string;
  readonly senderDisplayName: string | null;
  /** The other user of a direct conversation; null in rooms. */
  readonly receiverId: string | null;
  readonly content: string;
  readonly messageType: string;
  readonly clientMsgId: string | null;
  /** Id of a message of the same room; anything else is answered NOT_FOUND. */
  readonly replyTo: string | null;
  /** JSON text of an object. */
  readonly metadata: string | null;
}

export interface EditCommand extends Addressed {
  readonly kind: 'edit';
  readonly userId: string;
  readonly messageId: string;
  readonly content: string;
}

export interface DeleteCommand extends Addressed {
  readonly kind: 'delete';
  readonly userId: string;
  readonly messageId: string;
}

/** Raises the caller's watermark to the highest seq among `messageIds`, or to `upTo`; unknown ids are ignored unless all are. */
export interface MarkCommand extends Addressed {
  readonly kind: 'mark';
  readonly level: 'read' | 'delivered';
  readonly userId: string;
  readonly messageIds: readonly string[];
  /** A seq; beyond `last_seq` it is cut to it. */
  readonly upTo: number | null;
}

export interface JoinCommand extends Addressed, Admitted {
  readonly kind: 'join';
  readonly userId: string;
  /** Named `<node>/<socket id>` where there are several nodes. */
  readonly socketId: string;
  /** The version the client has; it gets exactly what changed since. */
  readonly since: number | null;
}

/** A socket leaves or is gone. Leaving a room one is not in changes nothing and is no error. */
export interface LeaveCommand extends Addressed {
  readonly kind: 'leave';
  readonly userId: string;
  readonly socketId: string;
}

export interface TypingCommand extends Addressed {
  readonly kind: 'typing';
  readonly userId: string;
}

export interface StopTypingCommand extends Addressed {
  readonly kind: 'stop_typing';
  readonly userId: string;
}

export interface TypingUsersCommand extends Addressed {
  readonly kind: 'typing_users';
}

/**
 * An edge tells an actor that was just activated which sockets it has in the room, those that are about to leave included;
 * nobody is told of them.
 */
export interface AnnounceCommand extends Addressed {
  readonly kind: 'announce';
  readonly occupants: readonly (readonly [userId: string, socketId: string])[];
}

/** Ends the access of a user, or of everybody (null: the room is deleted), exactly at its place in the room's stream. */
export interface EvictCommand extends Addressed {
  readonly kind: 'evict';
  readonly userId: string | null;
}

/**
 * Reads a page, and changes nothing. Answered from memory or not at all: it reads no room from the store, and it never
 * travels to another node, since the store of the node that asks is as near.
 */
export interface PageCommand extends Addressed {
  readonly kind: 'page';
  readonly query: PageQuery;
}

/** Sent by the shard itself: these nodes are no more, so the sockets named `<node>/…` leave the room. */
export interface ForgetCommand extends Addressed {
  readonly kind: 'forget';
  readonly nodes: readonly string[];
}

/** Sent by the shard itself when a room's next deadline has passed (a typing that ends). */
export interface TickCommand extends Addressed {
  readonly kind: 'tick';
}

export type Command =
  | SendCommand
  | EditCommand
  | DeleteCommand
  | MarkCommand
  | JoinCommand
  | LeaveCommand
  | TypingCommand
  | StopTypingCommand
  | TypingUsersCommand
  | AnnounceCommand
  | EvictCommand
  | PageCommand
  | ForgetCommand
  | TickCommand;
