/** What lies in the cache: nothing is lost in it that an actor would keep, and nothing is believed that is not whole. */
import test from 'ava';
import fc from 'fast-check';
import { roomBehaviour } from '../../src/actors/room.js';
import type { Message } from '../../src/actors/protocol/message.js';
import { decode, encode, longestEntry, marker } from '../../src/runtime/cache/entry.js';
import { message } from '../store/rooms.js';

const limits = { recentMessages: 5, recentBytes: 200 };

const behaviour = roomBehaviour({
  ...limits,
  typingTtlMs: 1,
  typingQuietMs: 1,
  typingUsers: 1,
  marksKept: 1,
  removalsKept: 1,
  catchUpMessages: 1,
});

const text = fc.string({ unit: 'binary', maxLength: 60 }).map((each) => each.toWellFormed());

const room = fc
  .array(
    fc.record({
      content: text,
      senderDisplayName: fc.option(text),
      clientMsgId: fc.option(text),
      metadata: fc.constantFrom(null, '{}', '{"a":["\\u0000\\ud800"]}'),
      edited: fc.boolean(),
      deleted: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((drawn) => {
    const recent = drawn.map(({ edited, deleted, ...over }, i): Message => {
      const gone = deleted ? { content: '', metadata: null, deletedAt: 3 } : {};
      return message('room', i + 1, { ...over, editedAt: edited ? 2 : null, ...gone });
    });
    return { key: 'room', lastSeq: drawn.length, lastVersion: drawn.length + 3, recent };
  });

test('an entry keeps exactly what an actor keeps of the room', (t) => {
  fc.assert(
    fc.property(room, (snapshot) => {
      const entry = encode(snapshot, limits);
      if (entry === null) return false;
      const decoded = decode(entry, 'room', limits);
      t.deepEqual(decoded, { ...snapshot, recent: [...behaviour.activate(snapshot).recent] });
      return true;
    }),
  );
});

test('whatever lies in its place, an entry is whole or nothing', (t) => {
  const good = encode(
    { key: 'room', lastSeq: 2, lastVersion: 2, recent: [message('room', 1), message('room', 2)] },
    limits,
  );
  if (good === null) return t.fail();
  const damage = fc.oneof(
    fc.string(),
    fc.string().map((tail) => `1 2 ${tail}`),
    fc.json().map((json) => `1 2 ${json}`),
    fc.nat({ max: good.length }).map((at) => good.slice(0, at)),
    fc
      .tuple(fc.nat({ max: good.length - 1 }), fc.string({ maxLength: 3 }))
      .map(([at, by]) => good.slice(0, at) + by + good.slice(at + 1)),
  );
  fc.assert(
    fc.property(damage, (damaged) => {
      const decoded = decode(damaged, 'room', limits);
      if (typeof decoded === 'string') return true;
      // Still well-formed: then it is as good as any other, and only its version decides.
      t.is(encode(decoded, limits), encode({ ...decoded }, limits));
      return decoded.recent.length > 0 && decoded.recent.at(-1)?.seq === decoded.lastSeq;
    }),
    { numRuns: 1_000 },
  );
  t.is(decode(marker(7), 'room', limits), 'nothing');
  t.is(decode(`2${good.slice(1)}`, 'room', limits), 'invalid', 'of a later version of the service');
  t.is(decode(good, 'room', { ...limits, recentMessages: 6 }), 'nothing', 'made under other bounds');
  t.is(decode(`1 2 ${'['.repeat(longestEntry(limits))}`, 'room', limits), 'invalid');
});

test('messages that would break a packet or a law are not believed', (t) => {
  const encoded = (over: Partial<Message>, lastSeq = 1): string =>
    encode({ key: 'room', lastSeq, lastVersion: 9, recent: [message('room', 1, over)] }, limits) ?? '';
  for (const bad of [
    encoded({ metadata: '{"a":1},"content":"forged"' }),
    encoded({ metadata: '[]' }),
    encoded({ id: 'x","content":"forged' }),
    encoded({ replyTo: 'x"' }),
    encoded({ deletedAt: 5 }),
    encoded({ createdAt: Number.MAX_SAFE_INTEGER }),
    encoded({ version: 10 }),
    encoded({}, 2),
  ])
    t.is(decode(bad, 'room', limits), 'invalid', bad);
  t.like(decode(encoded({ metadata: '{"a":1}' }), 'room', limits), { lastSeq: 1 });
});
