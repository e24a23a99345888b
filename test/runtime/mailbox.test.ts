import test from 'ava';
import fc from 'fast-check';
import { Mailbox, type Envelope } from '../../src/runtime/mailbox.js';

function envelope(id: number, bytes = 1, deadline = 1_000, key = 'room'): Envelope {
  return { command: { kind: 'tick', key, id: String(id) }, replyTo: null, resent: false, deadline, bytes };
}

const ids = (envelopes: readonly Envelope[]): string[] => envelopes.map(({ command }) => command.id);
const keys = (envelopes: readonly Envelope[]): string => envelopes.map(({ command }) => command.key).join('');

const highMark = 24;
const lowMark = 16;
const share = 12;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      // Rooms of very different heat.
      room: fc.constantFrom('a', 'a', 'a', 'a', 'b', 'b', 'c', 'd'),
      bytes: fc.integer({ min: 1, max: 10 }),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      commands: fc.integer({ min: 1, max: 8 }),
      bytes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), by: fc.integer({ min: 0, max: 12 }) }) },
);

test('a command that is taken leaves exactly once, in the order of its room, within the bounds of its frame', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const mailbox = new Mailbox({ highMark, lowMark });
      const model = new Map<string, Envelope[]>();
      let next = 0;
      const depth = (): number => [...model.values()].reduce((sum, waiting) => sum + waiting.length, 0);
      const leave = (gone: readonly Envelope[]): void => {
        for (const one of gone) if (model.get(one.command.key)?.shift() !== one) throw new Error('out of order');
      };
      for (const action of steps) {
        if (action.do === 'offer') {
          for (let i = 0; i < action.times; i++) {
            // Deadlines are the order of arrival.
            const offered = envelope(next, action.bytes, next, action.room);
            next += 1;
            const waiting = model.get(action.room) ?? [];
            const taken = mailbox.offer(offered);
            if (!taken && depth() < lowMark && waiting.length < (share * 3) / 4) return false;
            if (taken && (depth() >= highMark || waiting.length >= share)) return false;
            if (taken) model.set(action.room, [...waiting, offered]);
          }
        } else if (action.do === 'take') {
          const before = depth();
          const waitingRooms = [...model.values()].filter((waiting) => waiting.length > 0).length;
          const frame = mailbox.take(action.commands, action.bytes);
          const bytes = frame.reduce((sum, one) => sum + one.bytes, 0);
          if (frame.length > action.commands || (frame.length > 1 && bytes > action.bytes)) return false;
          if (before > 0 && frame.length === 0) return false;
          // Fair: nobody has two more than another who still waits; so each gets its part of the frame.
          leave(frame);
          const got = (key: string): number => frame.filter(({ command }) => command.key === key).length;
          const most = Math.max(0, ...[...model.keys()].map(got));
          for (const [key, waiting] of model) if (waiting.length > 0 && got(key) < most - 1) return false;
          if (waitingRooms > 0 && frame.length === action.commands)
            for (const [key, waiting] of model)
              if (waiting.length > 0 && got(key) < Math.floor(action.commands / waitingRooms)) return false;
        } else {
          const all = [...model.values()].flat().map(({ deadline }) => deadline);
          const now = Math.min(...all) + action.by;
          const expired = mailbox.expire(now);
          if (expired.some(({ deadline }) => deadline > now)) return false;
          leave(expired);
          if ([...model.values()].flat().some(({ deadline }) => deadline <= now)) return false;
        }
        if (mailbox.depth !== depth() || mailbox.depth > highMark) return false;
      }
      const rest = mailbox.take(Infinity, Infinity);
      leave(rest);
      return depth() === 0 && mailbox.depth === 0 && mailbox.take(1, 1).length === 0;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a frame that has room for all that waits keeps the order of arrival', (t) => {
  const mailbox = new Mailbox({ highMark: 100, lowMark: 50 });
  for (const [id, key] of [...'abacabd'].entries()) mailbox.offer(envelope(id, 1, 1_000, key));
  t.is(keys(mailbox.take(10, 100)), 'abacabd');
});

test('a hot room takes its turn and no more, and goes on where it was in the next frame', (t) => {
  const mailbox = new Mailbox({ highMark: 100, lowMark: 50 });
  for (const [id, key] of [...'aaaaaaaabcb'].entries()) mailbox.offer(envelope(id, 1, 1_000, key));
  t.is(keys(mailbox.take(4, 100)), 'abca');
  mailbox.offer(envelope(99, 1, 1_000, 'd'));
  t.is(keys(mailbox.take(4, 100)), 'bada');
  t.is(keys(mailbox.take(100, 100)), 'aaaa');
});

test('a quiet room’s command is in the next frame however much a hot room has waiting', (t) => {
  const mailbox = new Mailbox({ highMark: 4_000, lowMark: 3_000 });
  let id = 0;
  while (mailbox.offer(envelope(id++, 1, 1_000, 'hot')));
  for (let round = 0; round < 20; round++) {
    t.true(mailbox.offer(envelope(id++, 1, 1_000, 'quiet')));
    const frame = mailbox.take(64, 1_000);
    t.is(frame.filter(({ command }) => command.key === 'quiet').length, 1);
    t.is(frame.length, 64, 'what the quiet do not use, the hot has');
    while (mailbox.offer(envelope(id++, 1, 1_000, 'hot')));
  }
});

test('a command too large for what is left of a frame is the first of the next', (t) => {
  const mailbox = new Mailbox({ highMark: 100, lowMark: 50 });
  mailbox.offer(envelope(1, 5, 1_000, 'a'));
  mailbox.offer(envelope(2, 90, 1_000, 'b'));
  mailbox.offer(envelope(3, 5, 1_000, 'c'));
  t.deepEqual(ids(mailbox.take(10, 20)), ['1']);
  t.deepEqual(ids(mailbox.take(10, 20)), ['2'], 'alone, though it is over the bound');
  t.deepEqual(ids(mailbox.take(10, 20)), ['3']);
});

test('law 9: a room over its share is refused until well below it, its neighbours are not', (t) => {
  const mailbox = new Mailbox({ highMark: 16, lowMark: 12 });
  for (let id = 0; id < 8; id++) t.true(mailbox.offer(envelope(id, 1, 1_000, 'hot')));
  t.false(mailbox.offer(envelope(8, 1, 1_000, 'hot')));
  t.true(mailbox.offer(envelope(9, 1, 1_000, 'quiet')));
  t.is(mailbox.depth, 9);
  mailbox.take(3, 100);
  t.false(mailbox.offer(envelope(10, 1, 1_000, 'hot')), 'six wait: not below three quarters of its share');
  mailbox.take(1, 100);
  t.true(mailbox.offer(envelope(11, 1, 1_000, 'hot')));
});

test('law 9: over its high mark a mailbox refuses every room until it is below its low mark', (t) => {
  const mailbox = new Mailbox({ highMark: 4, lowMark: 2 });
  const taken = [...'abcd'].map((key, id) => mailbox.offer(envelope(id, 1, 1_000, key)));
  t.deepEqual(taken, [true, true, true, true]);
  t.false(mailbox.offer(envelope(5, 1, 1_000, 'e')));
  mailbox.take(2, 100);
  t.false(mailbox.offer(envelope(6, 1, 1_000, 'e')), 'at the low mark it still refuses');
  mailbox.take(1, 100);
  t.true(mailbox.offer(envelope(7, 1, 1_000, 'e')));
  t.is(mailbox.depth, 2);
});

test('what waited past its deadline leaves, sorted by room or not', (t) => {
  for (const sorted of [false, true]) {
    const mailbox = new Mailbox({ highMark: 10, lowMark: 5 });
    for (const [id, key] of [...'xabab'].entries()) mailbox.offer(envelope(id, 1, id * 10, key));
    if (sorted) t.deepEqual(ids(mailbox.take(1, 100)), ['0']);
    else t.deepEqual(ids(mailbox.expire(0)), ['0']);
    t.deepEqual(ids(mailbox.expire(20)).toSorted(), ['1', '2']);
    t.deepEqual(ids(mailbox.expire(20)), []);
    t.deepEqual(ids(mailbox.take(10, 100)), ['3', '4']);
    t.is(mailbox.depth, 0);
  }
});

test('a long-lived mailbox does not keep what it gave away', (t) => {
  const mailbox = new Mailbox({ highMark: 10_000, lowMark: 5_000 });
  let out = 0;
  for (let id = 0; id < 50_000; id++) {
    t.true(mailbox.offer(envelope(id)) || mailbox.depth > 0);
    if (id % 3 === 0) for (const taken of mailbox.take(3, 100)) t.is(taken.command.id, String(out++));
  }
});
