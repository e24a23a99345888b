/** The shapes that a client of the service sees, as WIRE promises them. Written by hand on purpose: tests must not borrow the product's own types. */

/** A message as REST and Socket.IO show it. */
export interface WireMessage {
  readonly id: string;
  readonly room_id: string | null;
  readonly receiver_id: string | null;
  readonly sender_id: string;
  readonly sender_name: string;
  readonly sender_display_name: string;
  readonly username: string;
  readonly content: string;
  readonly message_type: string;
  readonly seq: number;
  readonly version: number;
  readonly client_msg_id?: string;
  readonly reply_to?: string;
  readonly metadata?: unknown;
  readonly is_delivered: boolean;
  readonly is_read: boolean;
  readonly delivered_count: number;
  readonly read_count: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly edited_at?: string;
  readonly deleted_at?: string;
}

/** An ack of any event: success, or a refusal with its code. */
export interface Ack {
  readonly success: boolean;
  readonly error?: string;
  readonly code?: string;
  readonly retryable?: boolean;
  readonly message?: WireMessage;
  readonly messages?: readonly WireMessage[];
  readonly data?: readonly WireMessage[];
  readonly pagination?: Pagination;
  readonly roomId?: string | null;
  readonly messageId?: string;
  readonly messageIds?: readonly string[];
  readonly typingUsers?: readonly string[];
  readonly upTo?: number;
  readonly seq?: number;
  readonly version?: number;
  readonly unread?: number;
  readonly userId?: string;
}

export interface Pagination {
  readonly limit: number;
  readonly offset: number | null;
  readonly total: number;
  readonly next: number | null;
  readonly prev: number | null;
}

/** The payload of `room_joined`. */
export interface RoomJoined {
  readonly roomId: string | null;
  readonly messages: readonly WireMessage[];
  readonly success: boolean;
  readonly seq: number;
  readonly version: number;
  readonly unread: number;
}

/** The payload of `message_deleted`. */
export interface MessageDeleted {
  readonly messageId: string;
  readonly roomId: string | null;
  readonly seq: number;
  readonly version: number;
}

/** The payload of `error`. */
export interface WireError {
  readonly message: string;
  readonly code: string;
  readonly event: string;
}

/** A REST answer's JSON body. */
export interface Envelope<T = unknown> {
  readonly success: boolean;
  readonly message?: string;
  readonly code?: string;
  readonly data?: T;
  readonly pagination?: Pagination;
}

/** What an authenticated client may send. */
export const clientEvents = [
  'join_room',
  'leave_room',
  'send_message',
  'typing',
  'stop_typing',
  'mark_read',
  'mark_delivered',
  'delete_message',
  'edit_message',
  'get_typing_users',
  'get_messages',
] as const;
