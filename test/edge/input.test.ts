/** Which input is a request, and what a refusal says. */
import test from 'ava';
import fc from 'fast-check';
import { directKey } from '../../src/actors/protocol/ids.js';
import { metadataText } from '../../src/edge/input/metadata.js';
import {
  readEdit,
  readHistory,
  readJoin,
  readMark,
  readRemove,
  readRoom,
  readSend,
} from '../../src/edge/input/requests.js';
import type { Result } from '../../src/edge/port.js';
import { configOf, uuid } from './support/fakes.js';

const limits = configOf();

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
}

const good = { room_id: 'r', content: 'x' };

const notObjects: readonly unknown[] = [undefined, null, 0, 1, '', 'x', true, [], [good], Symbol('s'), () => good];

const badSends: Readonly<Record<string, unknown>> = {
  'no content': { room_id: 'r' },
  'empty content': { ...good, content: '' },
  'content of 4001': { ...good, content: 'x'.repeat(4001) },
  'content of 4001 emoji': { ...good, content: '😀'.repeat(4001) },
  'content of many units': { ...good, content: 'x'.repeat(60_000) },
  'content as number': { ...good, content: 1 },
  'content as list': { ...good, content: ['x'] },
  'content with NUL': { ...good, content: 'a\0' },
  'content with half a pair': { ...good, content: 'a\ud800' },
  'neither place': { content: 'x' },
  'both places': { ...good, receiver_id: 'u' },
  'both spelled otherwise': { roomId: 'r', receiverId: 'u', content: 'x' },
  'room as number': { ...good, room_id: 1 },
  'room empty': { ...good, room_id: '' },
  'room too long': { ...good, room_id: 'x'.repeat(256) },
  'room that is a direct key': { ...good, room_id: directKey('a', 'b') },
  'room with half a pair': { ...good, room_id: '\udc00' },
  'room with a line separator': { ...good, room_id: 'a\u2028b' },
  'receiver as object': { receiver_id: {}, content: 'x' },
  'client_msg_id as number': { ...good, client_msg_id: 1 },
  'client_msg_id empty': { ...good, client_msg_id: '' },
  'reply_to that is no id': { ...good, reply_to: 'x' },
  'reply_to as number': { ...good, reply_to: 1 },
  'type empty': { ...good, message_type: '' },
  'type of 51': { ...good, message_type: 'x'.repeat(51) },
  'type with a space': { ...good, message_type: 'a b' },
  'type with a line end': { ...good, message_type: 'a\n' },
  'metadata as text': { ...good, metadata: '{}' },
  'metadata as list': { ...good, metadata: [] },
  'metadata as bytes': { ...good, metadata: Buffer.from('x') },
  'bytes in metadata': { ...good, metadata: { a: Buffer.from('x') } },
  'metadata of 9 levels': { ...good, metadata: nested(9) },
  'metadata of a million levels': { ...good, metadata: nested(1_000_000) },
  'metadata of 4097 bytes': { ...good, metadata: { a: 'x'.repeat(4096 - 8 + 1) } },
  'metadata with NUL': { ...good, metadata: { a: ['\0'] } },
  'metadata with NUL in a name': { ...good, metadata: { 'a\0': 1 } },
  'metadata with half a pair': { ...good, metadata: { a: '\ud800' } },
  'metadata with infinity': { ...good, metadata: JSON.parse('{"a":1e999}') as unknown },
  'metadata with a function': { ...good, metadata: { toJSON: () => 'x' } },
};

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.rejection.code;
}

test('what is no object is refused by every reader', (t) => {
  for (const input of notObjects) {
    t.is(codeOf(readSend(input, 'me', limits)), 'VALIDATION');
    t.is(codeOf(readEdit(input, limits)), 'VALIDATION');
    t.is(codeOf(readRemove(input, limits)), 'VALIDATION');
    t.is(codeOf(readRoom(input, limits)), 'VALIDATION');
    t.is(codeOf(readJoin(input, limits)), 'VALIDATION');
    t.is(codeOf(readMark(input, limits)), 'VALIDATION');
    t.is(codeOf(readHistory(input, 'me', limits)), 'VALIDATION');
  }
});

for (const [name, input] of Object.entries(badSends))
  test(`a send is refused with ${name}`, (t) => {
    const result = readSend(input, 'me', limits);
    t.is(codeOf(result), 'VALIDATION');
    if (!result.ok) t.true(result.rejection.message.length < 120 && result.rejection.message.length > 10);
  });

test('a send is read with every field, in both spellings, and null counts as absent', (t) => {
  const full = {
    room_id: 'r',
    receiver_id: null,
    content: 'x',
    message_type: 'note.v-1',
    client_msg_id: 'c',
    reply_to: uuid(10).toUpperCase(),
    metadata: { a: [1, { b: null }] },
    unknown: nested(1_000_000),
  };
  t.deepEqual(readSend(full, 'me', limits), {
    ok: true,
    value: {
      key: 'r',
      receiverId: null,
      content: 'x',
      messageType: 'note.v-1',
      clientMsgId: 'c',
      replyTo: uuid(10),
      metadata: '{"a":[1,{"b":null}]}',
    },
  });
  const direct = readSend({ receiverId: 'you', text: 'hi' }, 'me', limits);
  t.true(direct.ok);
  if (direct.ok)
    t.like(direct.value, { key: directKey('me', 'you'), receiverId: 'you', content: 'hi', messageType: 'text' });
});

test('content is counted in characters: 4000 emoji pass', (t) => {
  for (const content of ['x'.repeat(4000), '😀'.repeat(4000), `${'😀'.repeat(3999)}x`])
    t.true(readSend({ room_id: 'r', content }, 'me', limits).ok);
});

test('names of prototypes in input change nothing', (t) => {
  const input = JSON.parse(
    '{"room_id":"r","content":"x","__proto__":{"receiver_id":"u"},"metadata":{"__proto__":{"a":1},"constructor":1}}',
  ) as unknown;
  const result = readSend(input, 'me', limits);
  t.true(result.ok);
  if (result.ok) t.is(result.value.metadata, '{"__proto__":{"a":1},"constructor":1}');
  const own = JSON.parse('{"__proto__":{"room_id":"r","content":"x"}}') as unknown;
  t.is(codeOf(readSend(own, 'me', limits)), 'VALIDATION', 'an own field of that name is no prototype');
});

test('any JSON object within the bounds is kept exactly, beyond them refused, and nothing throws', (t) => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 12 }),
      fc.integer({ min: 2, max: 300 }),
      fc.integer({ min: 1, max: 12 }),
      (value, bytes, depth) => {
        const result = metadataText(value, bytes, depth);
        if (!result.ok) return true;
        return (
          Buffer.byteLength(result.text) <= bytes && depthOf(value) <= depth && result.text === JSON.stringify(value)
        );
      },
    ),
  );
  t.deepEqual(metadataText(nested(8), 4096, 8).ok, true);
  t.true(metadataText({ a: 'x'.repeat(4096 - 8) }, 4096, 8).ok, 'the largest that fits');
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('ids of messages: numbers are refused, texts that can name none are absent, letters have one case', (t) => {
  t.is(codeOf(readRemove({ messageId: 5 }, limits)), 'VALIDATION');
  t.is(codeOf(readRemove({}, limits)), 'VALIDATION');
  for (const messageId of ['no-such-id', '\0', '', "';--"])
    t.deepEqual(readRemove({ messageId }, limits), { ok: true, value: { messageId: null, key: null } });
  t.deepEqual(readRemove({ messageId: uuid(0xab).toUpperCase(), roomId: 'r' }, limits), {
    ok: true,
    value: { messageId: uuid(0xab), key: 'r' },
  });
});

test('a receipt names 1..1000 texts or a place, and drops what can name no message', (t) => {
  const many = Array.from({ length: 1000 }, (_, n) => uuid(n));
  t.is(codeOf(readMark({ messageIds: many }, limits)), 'ok');
  for (const input of [
    {},
    { messageIds: [] },
    { messageIds: [...many, uuid(1000)] },
    { messageIds: [1] },
    { messageIds: [uuid(1), null] },
    { messageIds: 'x' },
    { messageIds: { length: 1 } },
    { messageIds: many, upTo: 1, roomId: 'r' },
    { upTo: 1 },
    { roomId: 'r', upTo: 0 },
    { roomId: 'r', upTo: '1' },
    { roomId: 7, messageIds: many },
  ])
    t.is(codeOf(readMark(input, limits)), 'VALIDATION', JSON.stringify(input).slice(0, 60));
  t.deepEqual(readMark({ messageIds: [uuid(1), 'x', uuid(1)], userId: 'me', roomId: null }, limits), {
    ok: true,
    value: { key: null, messageIds: [uuid(1)], upTo: null },
  });
});

test('pages: limits, one anchor at most, whole numbers only', (t) => {
  t.deepEqual(readHistory({ roomId: 'r' }, 'me', limits), {
    ok: true,
    value: { key: 'r', query: { limit: 50, from: { by: 'offset', offset: 0 } } },
  });
  for (const more of [
    { limit: 0 },
    { limit: 201 },
    { limit: '5' },
    { limit: 1.5 },
    { limit: NaN },
    { offset: -1 },
    { before: 2 ** 53 },
    { before: 1, after: 1 },
    { offset: 0, around: 1 },
    { userId: 'u' },
  ])
    t.is(codeOf(readHistory({ roomId: 'r', ...more }, 'me', limits)), 'VALIDATION', JSON.stringify(more));
  const direct = readHistory({ userId: 'you', around: 3, limit: 200 }, 'me', limits);
  t.deepEqual(direct, {
    ok: true,
    value: { key: directKey('me', 'you'), query: { limit: 200, from: { by: 'around', seq: 3 } } },
  });
});

test('since is a version', (t) => {
  t.deepEqual(readJoin({ roomId: 'r', since: 0 }, limits), { ok: true, value: { key: 'r', since: 0 } });
  for (const since of [-1, '1', 0.5, Infinity, {}])
    t.is(codeOf(readJoin({ roomId: 'r', since }, limits)), 'VALIDATION');
});
