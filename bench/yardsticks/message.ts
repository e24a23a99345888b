/** The message object of the wire contract, field by field, so that all servers send packets of the same size. */
import type { SendRequest } from './server.js';

export interface ChatMessage {
  readonly id: string;
  readonly room_id: string;
  readonly receiver_id: null;
  readonly sender_id: string;
  readonly sender_name: string;
  readonly sender_display_name: string;
  readonly username: string;
  readonly content: string;
  readonly message_type: string;
  readonly seq: number;
  readonly version: number;
  readonly client_msg_id: string | undefined;
  readonly is_delivered: boolean;
  readonly is_read: boolean;
  readonly delivered_count: number;
  readonly read_count: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A new message: nobody has received or read it. `seq` is its place in the room. */
export function messageOf(
  caller: { readonly userId: string; readonly username: string },
  request: SendRequest,
  id: string,
  seq: number,
  createdAt: Date,
): ChatMessage {
  const created = createdAt.toISOString();
  return {
    id,
    room_id: request.room_id,
    receiver_id: null,
    sender_id: caller.userId,
    sender_name: caller.username,
    sender_display_name: caller.username,
    username: caller.username,
    content: request.content,
    message_type: 'text',
    seq,
    version: seq,
    client_msg_id: request.client_msg_id,
    is_delivered: false,
    is_read: false,
    delivered_count: 0,
    read_count: 0,
    created_at: created,
    updated_at: created,
  };
}
