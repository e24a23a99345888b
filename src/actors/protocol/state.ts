/** What a room actor reads from the store: its snapshot when it is activated, and facts that lie behind its memory. */
import type { RoomKey } from './ids.js';
import type { Message } from './message.js';

/** A room as the store has it; a room never written to has `lastSeq` 0 and no messages. */
export interface RoomSnapshot {
  readonly key: RoomKey;
  readonly lastSeq: number;
  readonly lastVersion: number;
  /** The newest messages, tombstones included, seq ascending and gapless up to `lastSeq`. */
  readonly recent: readonly Message[];
}

/** Something a command needs that is not in the actor's memory. The shard reads all needs of a frame in one go. */
export type Need =
  | { readonly need: 'message'; readonly id: string }
  /** The message that a sender sent under a client message id (or that has this id); it comes among the messages. */
  | { readonly need: 'sent'; readonly id: string; readonly senderId: string; readonly clientMsgId: string }
  /** The user's watermarks, and how many of others' undeleted messages lie past `read` and below seq `below`: a bounded count. */
  | { readonly need: 'marks'; readonly userId: string; readonly below: number }
  /** Every message whose version is above `since`; null in the answer when there are more than `limit`. */
  | { readonly need: 'changes'; readonly since: number; readonly limit: number }
  /** The room's latest removals: those young enough to have been in flight together with a command; the newest `limit`. */
  | { readonly need: 'removals'; readonly limit: number };

/** The end of somebody's access. */
export interface Removal {
  /** Id of the command. */
  readonly id: string;
  /** Null: everybody. */
  readonly userId: string | null;
  readonly version: number;
}

export interface Marks {
  readonly userId: string;
  readonly delivered: number;
  readonly read: number;
  /** Others' undeleted messages with read < seq < below; not more than the store counts. */
  readonly unreadBelow: number;
  readonly below: number;
}

export interface Changes {
  readonly since: number;
  /** Seq ascending; null when there were more than the limit. */
  readonly messages: readonly Message[] | null;
}

/** The answers to the needs of one room's commands in one frame; what the store does not have is simply missing. */
export interface Facts {
  readonly messages: readonly Message[];
  readonly marks: readonly Marks[];
  readonly changes: readonly Changes[];
  /** Present when they were asked for. */
  readonly removals?: readonly Removal[];
}
