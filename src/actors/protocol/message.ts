/** A message as the actors hold it and as the store keeps it, and its one encoding for clients. */
import { roomIdOf, type RoomKey } from './ids.js';

export interface Message {
  readonly key: RoomKey;
  /** UUID v7, made at the edge; it is also the id of the command, so a frame sent twice is recognised. */
  readonly id: string;
  /** 1..n within the room, gapless. */
  readonly seq: number;
  /** The room's version at this message's last change. */
  readonly version: number;
  readonly senderId: string;
  /** The token's username when it was sent. */
  readonly senderName: string;
  readonly senderDisplayName: string | null;
  readonly receiverId: string | null;
  /** Empty once deleted. */
  readonly content: string;
  readonly messageType: string;
  readonly clientMsgId: string | null;
  readonly replyTo: string | null;
  /** JSON text of an object, checked at the edge; null once deleted. */
  readonly metadata: string | null;
  /** Milliseconds since 1970, as the next two. */
  readonly createdAt: number;
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  /** Users other than the sender whose watermark has reached `seq`. */
  readonly deliveredCount: number;
  readonly readCount: number;
}

/** The JSON text of the message object that clients see (snake_case; optional fields are left out when empty). */
export function encodeMessage(message: Message): string {
  const updatedAt = Math.max(message.createdAt, message.editedAt ?? 0, message.deletedAt ?? 0);
  const text = JSON.stringify({
    id: message.id,
    room_id: roomIdOf(message.key),
    receiver_id: message.receiverId,
    sender_id: message.senderId,
    sender_name: message.senderName,
    sender_display_name: message.senderDisplayName ?? message.senderName,
    username: message.senderName,
    content: message.content,
    message_type: message.messageType,
    seq: message.seq,
    version: message.version,
    client_msg_id: message.clientMsgId ?? undefined,
    reply_to: message.replyTo ?? undefined,
    is_delivered: message.deliveredCount > 0,
    is_read: message.readCount > 0,
    delivered_count: message.deliveredCount,
    read_count: message.readCount,
    created_at: new Date(message.createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
    edited_at: message.editedAt === null ? undefined : new Date(message.editedAt).toISOString(),
    deleted_at: message.deletedAt === null ? undefined : new Date(message.deletedAt).toISOString(),
  });
  // The metadata is JSON text already: splicing it in saves parsing and printing it for every message.
  return message.metadata === null ? text : `${text.slice(0, -1)},"metadata":${message.metadata}}`;
}
