/**
 * What both edges (REST and Socket.IO) share: who is asking, and the operations of the chat. An operation checks its raw
 * input, the caller's rate and access, makes the command, and hands it to the rooms; the edges only translate.
 */
import type { ResyncReason } from '../actors/protocol/replies.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Rejection } from '../actors/rejections.js';

/** A verified caller. */
export interface Identity {
  readonly userId: string;
  readonly username: string;
  /** Milliseconds since 1970; null for a token that does not expire. */
  readonly expiresAt: number | null;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  /** `retryAfterMs` is set for refusals that a client should repeat later. */
  | { readonly ok: false; readonly rejection: Rejection; readonly retryAfterMs?: number };

/** A committed operation. */
export interface Done {
  readonly key: RoomKey;
  /** JSON text, see `actors/protocol/replies.ts`. */
  readonly body: string;
  readonly resync: ResyncReason | null;
  /** The command's place in its frame: a socket that joins here gets the broadcasts with a larger `at`. */
  readonly at: number;
}

/** Called exactly once. For a command that reached a room: synchronously, before the bursts of the same frame. */
export type Finish = (result: Result<Done>) => void;

/** What a receipt newly covered, in one conversation. */
export interface Covered {
  readonly key: RoomKey;
  /** The body of the mark reply: `{ roomId, messageIds, from, upTo }`. */
  readonly body: string;
}

export interface ChatCounts {
  /** Pages of history by where they came from; `shared`: answered by a read that somebody else had asked for. */
  readonly pages: { readonly memory: number; readonly store: number; readonly shared: number };
  /** Catch-ups under way. */
  readonly catchUps: number;
}

/** What changed in a conversation as lines of JSON, see `changes.ts`; some lines at a time. */
export interface ChangeLines {
  /** The next lines; null behind the last one. Never rejects: what goes wrong is told in the last line. */
  next(): Promise<string | null>;
  /** Nobody reads on: frees what is held. Tolerates a second call. */
  close(): void;
  /** Told once when it was closed because the next lines were not asked for in time. */
  onLapse(listener: () => void): void;
}

/** `input` is whatever the client sent, unchecked. */
export interface Chat {
  send(caller: Identity, input: unknown, finish: Finish): void;
  edit(caller: Identity, input: unknown, finish: Finish): void;
  remove(caller: Identity, input: unknown, finish: Finish): void;
  join(caller: Identity, socketId: string, input: unknown, finish: Finish): void;
  leave(caller: Identity, socketId: string, input: unknown, finish: Finish): void;
  typing(caller: Identity, input: unknown, finish: Finish): void;
  stopTyping(caller: Identity, input: unknown, finish: Finish): void;
  typingUsers(caller: Identity, input: unknown, finish: Finish): void;
  /** Marks in every conversation that the ids name (or in `roomId` alone); ids the caller may not see are as if absent. */
  mark(caller: Identity, level: 'read' | 'delivered', input: unknown): Promise<Result<readonly Covered[]>>;
  /** The same, answering with the messages newly covered (JSON text of an array), for REST. */
  markAndList(caller: Identity, level: 'read' | 'delivered', input: unknown): Promise<Result<string>>;
  /**
   * `{ roomId }` or `{ userId }` with `limit`, and one of `offset`, `before`, `after`, `around`. Answers JSON text of
   * `{ data, pagination }`: messages oldest first, and in `next` and `prev` the seqs to pass as `before` for the next older
   * page and as `after` for the next newer one; null at the ends.
   */
  history(caller: Identity, input: unknown): Promise<Result<string>>;
  unread(caller: Identity, input: unknown): Promise<Result<number>>;
  /** `{ roomId }` or `{ userId }` with `since`, a version (0 unless said): all that changed, however much it is. */
  changes(caller: Identity, input: unknown): Promise<Result<ChangeLines>>;
  /** For metrics. */
  counts(): ChatCounts;
  /**
   * A socket is gone from a room (disconnect, expiry): never refused for rate or access, and told until the room has answered.
   * @param returned asked each time before it is told: true when the socket has come back, so that nothing is to be told
   */
  depart(userId: string, socketId: string, key: RoomKey, returned?: () => boolean): void;
}

/** Verifies a token's signature, expiry and claims. */
export interface Tokens {
  verify(token: unknown): Result<Identity>;
}

/** Who is online: users with a socket, or with a heartbeat not older than PRESENCE_TTL_MS. */
export interface Presence {
  /** The user's sockets on this node became more or fewer; the first and the last are told to the Presence Service. */
  connected(userId: string): void;
  disconnected(userId: string): void;
  heartbeat(userId: string): void;
  logout(userId: string): void;
  online(userIds: readonly string[]): Promise<Readonly<Record<string, boolean>>>;
}

/** Spends a user's allowance: 0 when granted, else the milliseconds to wait. */
export interface RateLimiter {
  /** @param requests at once, all or none; 1 unless said. More than a whole burst count as one whole burst. */
  take(userId: string, requests?: number): number;
}
