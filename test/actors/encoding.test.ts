/** The message object on the wire: whatever the texts hold, it is one JSON object with these fields. */
import test from 'ava';
import fc from 'fast-check';
import { directKey } from '../../src/actors/protocol/ids.js';
import { encodeMessage, type Message } from '../../src/actors/protocol/message.js';
import { uuid } from './support/commands.js';

const text = fc.string({ unit: 'binary' });
const time = fc.integer({ min: 0, max: 4e12 });

const message: fc.Arbitrary<Message> = fc.record({
  key: fc.oneof(
    text.filter((key) => !key.startsWith('\u001f')),
    fc.constant(directKey('a', 'b')),
  ),
  id: fc.nat().map(uuid),
  seq: fc.nat(),
  version: fc.nat(),
  senderId: text,
  senderName: text,
  senderDisplayName: fc.option(text),
  receiverId: fc.option(text),
  content: text,
  messageType: text,
  clientMsgId: fc.option(text),
  replyTo: fc.option(fc.nat().map(uuid)),
  metadata: fc.option(fc.dictionary(text, text).map((value) => JSON.stringify(value))),
  createdAt: time,
  editedAt: fc.option(time),
  deletedAt: fc.option(time),
  deliveredCount: fc.nat(3),
  readCount: fc.nat(3),
});

function iso(ms: number | null): string | undefined {
  return ms === null ? undefined : new Date(ms).toISOString();
}

test('an encoded message holds every field of the contract, and leaves out optional ones that are empty', (t) => {
  const property = fc.property(message, (m) => {
    const expected = {
      id: m.id,
      room_id: m.key.startsWith('\u001f') ? null : m.key,
      receiver_id: m.receiverId,
      sender_id: m.senderId,
      sender_name: m.senderName,
      sender_display_name: m.senderDisplayName ?? m.senderName,
      username: m.senderName,
      content: m.content,
      message_type: m.messageType,
      seq: m.seq,
      version: m.version,
      client_msg_id: m.clientMsgId ?? undefined,
      reply_to: m.replyTo ?? undefined,
      is_delivered: m.deliveredCount > 0,
      is_read: m.readCount > 0,
      delivered_count: m.deliveredCount,
      read_count: m.readCount,
      created_at: iso(m.createdAt),
      updated_at: iso(Math.max(m.createdAt, m.editedAt ?? 0, m.deletedAt ?? 0)),
      edited_at: iso(m.editedAt),
      deleted_at: iso(m.deletedAt),
    };
    const metadata = m.metadata === null ? '' : `,"metadata":${m.metadata}`;
    return encodeMessage(m) === JSON.stringify(expected).slice(0, -1) + metadata + '}';
  });
  t.notThrows(() => fc.assert(property));
});
