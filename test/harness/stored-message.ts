/** A stored message as the product holds it, for tests that start from what is there already. */
import type { Message } from '../../src/actors/protocol/message.js';

/** From `ann`, alone, unread, its version its seq unless `more` says otherwise. */
export function storedMessage(key: string, id: string, seq: number, more: Partial<Message> = {}): Message {
  return {
    key,
    id,
    seq,
    version: seq,
    senderId: 'ann',
    senderName: 'ann',
    senderDisplayName: null,
    receiverId: null,
    content: `content ${seq}`,
    messageType: 'text',
    clientMsgId: null,
    replyTo: null,
    metadata: null,
    createdAt: 1_700_000_000_000,
    editedAt: null,
    deletedAt: null,
    deliveredCount: 0,
    readCount: 0,
    ...more,
  };
}
