/** What the runtime and the edges ask of the store. `postgres/` fills it; the embedded database is the same code. */
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Message } from '../../actors/protocol/message.js';
import type { Facts, Need, Removal, RoomSnapshot } from '../../actors/protocol/state.js';

/** A partition this writer owns, and the epoch under which it does. */
export interface Fence {
  readonly partition: number;
  readonly epoch: number;
}

/** A room's compare-and-set: the store must stand at `from…`, and stands at `to…` afterwards. */
export interface RoomStep {
  readonly key: RoomKey;
  readonly partition: number;
  readonly fromSeq: number;
  readonly fromVersion: number;
  readonly toSeq: number;
  readonly toVersion: number;
}

/**
 * An integration event to be sent after the commit, by reference: what it says of a message is read when it is sent, so that
 * content erased by then is not in it.
 */
export interface OutboxRow {
  readonly partition: number;
  readonly key: RoomKey;
  /** `created` stands for all messages from `from` to `to`, which took their versions one after the other. */
  readonly kind: 'created' | 'edited' | 'deleted' | 'delivered' | 'read';
  /** Seqs; equal unless `created`. Of a receipt `to` is the watermark, and `from` the one before it. */
  readonly from: number;
  readonly to: number;
  /** Of the change; 0 for receipts, which have none. */
  readonly version: number;
  /** Who marked; null otherwise. */
  readonly userId: string | null;
  /** Ids that a receipt newly covers; null otherwise. */
  readonly messageIds: readonly string[] | null;
}

/** The durable effect of one frame. It commits whole or not at all. */
export interface Append {
  readonly fences: readonly Fence[];
  readonly rooms: readonly RoomStep[];
  readonly created: readonly Message[];
  /** Messages of earlier frames as they are now (edited or deleted). */
  readonly changed: readonly Message[];
  /** Merged with GREATEST. */
  readonly receipts: readonly {
    readonly key: RoomKey;
    readonly userId: string;
    readonly delivered: number;
    readonly read: number;
  }[];
  /** In the order in which they happened; absent when there are none. */
  readonly outbox?: readonly OutboxRow[];
  /** Absent when there are none. */
  readonly removals?: readonly (Removal & { readonly key: RoomKey })[];
}

/**
 * Why a write failed, as far as the frame is concerned.
 * - `duplicate`: an id or client_msg_id exists already; nothing was written; look them up.
 * - `fenced`: the epoch is not ours any more; nothing was written; everything of this owner must be thrown away.
 * - `stale`: a room does not stand where the actor thought; nothing was written; read it again.
 * - `data`: a value that Postgres refuses; nothing was written; find the command by bisection.
 * - `slow`: a statement took longer than it may; nothing was written; fewer commands at once may succeed.
 * - `transient`: nothing was written; the same frame may succeed later.
 * - `lost`: the connection is gone or the deadline passed; the outcome is unknown.
 */
export type WriteFailure = 'duplicate' | 'fenced' | 'stale' | 'data' | 'slow' | 'transient' | 'lost';

export class StoreError extends Error {
  readonly failure: WriteFailure;
  constructor(failure: WriteFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.failure = failure;
  }
}

/** A writer counts unread messages up to here, so that a room's length does not bound how long a join takes. */
export const unreadMost = 10_000;

/**
 * One shard's own connection. Every method rejects with a StoreError; after `lost` or `fenced` nothing is held any more and
 * `connect` must be called again. Not safe for concurrent calls: a shard has one frame in flight.
 */
export interface Writer {
  /**
   * When the last call was sent that the session has answered; milliseconds, monotonic. So the server cannot have ended it for
   * silence before the idle time-out has passed from then.
   */
  readonly answeredAt: number;
  /** Opens a session on a primary, giving up what an earlier one held. Retries with backoff until `signal` aborts. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Takes the locks of those partitions that nobody holds, and raises their epochs; the others are missing in the answer.
   * Never waits for a holder. Rejects with `data` when the database was set up with another number of partitions.
   * @param whole all of them, or none
   */
  claim(partitions: readonly number[], whole: boolean): Promise<readonly Fence[]>;
  /** Frees partitions that are held, and tells the other nodes. No frame of them may be under way. */
  yield(partitions: readonly number[]): Promise<void>;
  /** The one listener that is told when the session ends while no call waits for it. */
  onLost(listener: () => void): void;
  /** Commits a frame in one round trip. */
  append(append: Append): Promise<void>;
  /** Snapshots of rooms, same order as the keys. */
  snapshots(keys: readonly RoomKey[], recent: number): Promise<RoomSnapshot[]>;
  /** Facts for the needs of several rooms, same order. What is unread is counted up to `unreadMost`. */
  facts(needs: readonly { readonly key: RoomKey; readonly needs: readonly Need[] }[]): Promise<Facts[]>;
  /** Messages that exist already for these ids or client message ids, same order, null where there is none. */
  known(
    sends: readonly {
      readonly key: RoomKey;
      readonly id: string;
      readonly senderId: string;
      readonly clientMsgId: string | null;
    }[],
  ): Promise<(Message | null)[]>;
  /** Keeps the session alive (idle_session_timeout) while no frame is sent. */
  heartbeat(): Promise<void>;
  /** Frees the locks and closes; tolerates a second call. */
  release(): Promise<void>;
}

/** What a cache has of a room: its newest messages as they were at a version, their receipt counts aside. */
export interface CachedRoom {
  readonly key: RoomKey;
  readonly lastSeq: number;
  readonly lastVersion: number;
  /** As in a snapshot, and at least one. They become part of the snapshot for which they are used. */
  readonly recent: readonly Message[];
}

/** A writer whose reads a cache can shorten. */
export interface CacheableWriter extends Writer {
  /**
   * @param cached same order as the keys: where the room still stands exactly there, its messages are not read again.
   * Receipts always are, in the same statement.
   */
  snapshots(keys: readonly RoomKey[], recent: number, cached?: readonly (CachedRoom | null)[]): Promise<RoomSnapshot[]>;
  /**
   * Names the history in which the versions of the present session's rooms count. A restored, emptied or new database, or
   * another server, has another name, so that no version of the one is taken for a version of the other.
   */
  origin(): Promise<string>;
}

/** Which page of a conversation; `offset` counts from the newest message, the others are a seq (exclusive but `around`). */
export interface PageQuery {
  readonly limit: number;
  readonly from:
    | { readonly by: 'offset'; readonly offset: number }
    | { readonly by: 'before' | 'after' | 'around'; readonly seq: number };
}

export interface Page {
  /** Oldest first, tombstones included. */
  readonly messages: readonly Message[];
  /** The room's true count: its last seq (tombstones keep their place). */
  readonly total: number;
}

/** Where a message is, without its content. */
export interface Located {
  readonly id: string;
  readonly key: RoomKey;
}

/** What changed in a room since a version, and where the room stands, in one snapshot. */
export interface RoomChanges {
  readonly lastSeq: number;
  readonly lastVersion: number;
  /** Every message whose version is above the one asked for, seq ascending; null when there are more than the limit. */
  readonly messages: readonly Message[] | null;
  /** Ends of access above the version asked for, version ascending: see `evictionBroadcast`. */
  readonly removals: readonly Removal[];
}

/** Reads of the edges, from a pool. They see what is committed, nothing else. Reject when the store cannot answer. */
export interface ReadStore {
  page(key: RoomKey, query: PageQuery): Promise<Page>;
  /** Others' undeleted messages past the user's read mark, all of them. */
  unread(key: RoomKey, userId: string): Promise<number>;
  /** Finds messages by id, whichever room they are in; unknown ids are missing in the answer. */
  locate(ids: readonly string[]): Promise<readonly Located[]>;
  /** Others' undeleted messages with from < seq <= upTo, newest `limit` of them, oldest first. */
  covered(key: RoomKey, userId: string, from: number, upTo: number, limit: number): Promise<readonly Message[]>;
  /** What a receiver of a room's stream missed. */
  changes(key: RoomKey, since: number, limit: number): Promise<RoomChanges>;
  /** The versions of rooms, by key; a room that nobody wrote to is missing. */
  heads(keys: readonly RoomKey[]): Promise<ReadonlyMap<RoomKey, number>>;
  /** Resolves when the database answers and takes writes; for health and readiness. */
  check(): Promise<void>;
}
