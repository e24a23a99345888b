/**
 * The events of the Socket.IO edge and their payloads, as typed maps for servers and clients. What is sent is built as
 * JSON text (bodies come encoded from the rooms), so these types are the contract, not the encoder.
 */
import type { RejectionCode } from '../actors/rejections.js';
import type { ResyncReason } from '../actors/protocol/replies.js';

/** A message as clients see it. Times are ISO 8601, UTC. */
export interface MessageObject {
  readonly id: string;
  /** Null in a direct conversation. */
  readonly room_id: string | null;
  /** Null in a room. */
  readonly receiver_id: string | null;
  readonly sender_id: string;
  readonly sender_name: string;
  readonly sender_display_name: string;
  readonly username: string;
  /** Empty once deleted. */
  readonly content: string;
  readonly message_type: string;
  readonly seq: number;
  readonly version: number;
  readonly client_msg_id?: string;
  readonly reply_to?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly is_delivered: boolean;
  readonly is_read: boolean;
  readonly delivered_count: number;
  readonly read_count: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly edited_at?: string;
  readonly deleted_at?: string;
}

export interface Refused {
  readonly success: false;
  readonly error: string;
  readonly code: RejectionCode;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
}

export interface Joined {
  readonly roomId: string | null;
  /** Oldest first: the recent ones, or exactly what changed since the version asked for. */
  readonly messages: readonly MessageObject[];
  readonly success: true;
  readonly seq: number;
  readonly version: number;
  readonly unread: number;
}

export interface Left {
  readonly roomId: string | null;
  readonly success: true;
}

export interface Occupant {
  readonly userId: string;
  readonly roomId: string | null;
}

export interface Receipt {
  readonly userId: string;
  readonly messageIds: readonly string[];
  readonly roomId: string | null;
  /** The highest seq covered. */
  readonly upTo: number;
}

export interface Deleted {
  readonly messageId: string;
  readonly roomId: string | null;
  readonly seq: number;
  readonly version: number;
}

export interface TypingUsers {
  readonly roomId: string | null;
  readonly typingUsers: readonly string[];
}

export interface ResyncRequired {
  readonly roomId: string | null;
  /** The room's version now. Joining again with `since` = the last version seen brings what was missed. */
  readonly version: number;
  readonly reason: ResyncReason;
}

export interface Page {
  readonly data: readonly MessageObject[];
  readonly pagination: {
    readonly limit: number;
    readonly offset: number | null;
    readonly total: number;
    readonly next: number | null;
    readonly prev: number | null;
  };
}

/** The answer of an event: what it asked for, or the refusal. */
export type Ack<T = unknown> = (answer: ({ readonly success: true } & T) | Refused) => void;

/** `data` is whatever the client sent; it is checked behind the edge. */
type Asks<T = unknown> = (data: unknown, ack?: Ack<T>) => void;

export interface ClientToServer {
  authenticate: Asks<{ readonly userId: string }>;
  join_room: Asks<Joined>;
  leave_room: Asks<Left>;
  send_message: Asks<{ readonly message: MessageObject }>;
  edit_message: Asks<{ readonly message: MessageObject }>;
  delete_message: Asks<Deleted>;
  typing: Asks;
  stop_typing: Asks;
  get_typing_users: Asks<TypingUsers>;
  mark_read: Asks<Receipt | { readonly marked: readonly Receipt[] }>;
  mark_delivered: Asks<Receipt | { readonly marked: readonly Receipt[] }>;
  get_messages: Asks<Page>;
}

export interface ServerToClient {
  authenticated: (body: { readonly success: boolean; readonly userId?: string; readonly error?: string }) => void;
  room_joined: (body: Joined) => void;
  room_left: (body: Left) => void;
  user_joined: (body: Occupant) => void;
  user_left: (body: Occupant) => void;
  new_message: (body: MessageObject) => void;
  message_edited: (body: MessageObject) => void;
  message_deleted: (body: Deleted) => void;
  user_typing: (body: Occupant) => void;
  user_stopped_typing: (body: Occupant) => void;
  typing_users: (body: TypingUsers) => void;
  messages_read: (body: Receipt) => void;
  messages_delivered: (body: Receipt) => void;
  marked_read: (body: Receipt & { readonly success: true }) => void;
  marked_delivered: (body: Receipt & { readonly success: true }) => void;
  resync_required: (body: ResyncRequired) => void;
  server_draining: (body: Readonly<Record<string, never>>) => void;
  /** `event` is null for what no event of the client caused, such as an expired token. */
  error: (body: { readonly message: string; readonly code: RejectionCode; readonly event: string | null }) => void;
}

export type ServerEvent = keyof ServerToClient;
