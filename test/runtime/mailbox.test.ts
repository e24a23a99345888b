import test from 'ava';
import fc from 'fast-check';
import { Mailbox, type Envelope } from '../../src/runtime/mailbox.js';

function envelope(id: number, bytes = 1, deadline = 1_000): Envelope {
  return { command: { kind: 'tick', key: 'room', id: String(id) }, replyTo: null, resent: false, deadline, bytes };
}

const ids = (envelopes: readonly Envelope[]): string[] => envelopes.map(({ command }) => command.id);

test('commands leave in the order they came, each exactly once, and never more than the bounds allow', (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('offer' as const), bytes: fc.integer({ min: 1, max: 10 }) }),
    fc.record({
      do: fc.constant('take' as const),
      commands: fc.integer({ min: 1, max: 5 }),
      bytes: fc.integer({ min: 1, max: 20 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const mailbox = new Mailbox({ highMark: 20, lowMark: 10 });
      const model: Envelope[] = [];
      let refusing = false;
      let next = 0;
      for (const action of steps) {
        if (action.do === 'offer') {
          const offered = envelope(next++, action.bytes);
          refusing = refusing ? model.length >= 10 : false;
          if (model.length >= 20) refusing = true;
          if (mailbox.offer(offered) === refusing) return false;
          if (!refusing) model.push(offered);
        } else {
          const taken = mailbox.take(action.commands, action.bytes);
          const expected: Envelope[] = [];
          let bytes = 0;
          for (const waiting of model) {
            if (expected.length === action.commands || (expected.length > 0 && bytes + waiting.bytes > action.bytes))
              break;
            bytes += waiting.bytes;
            expected.push(waiting);
          }
          model.splice(0, expected.length);
          if (ids(taken).join() !== ids(expected).join()) return false;
        }
        if (mailbox.depth !== model.length || mailbox.depth > 20) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('law 9: over its high mark a mailbox refuses until it is below its low mark', (t) => {
  const mailbox = new Mailbox({ highMark: 4, lowMark: 2 });
  const taken = [1, 2, 3, 4].map((id) => mailbox.offer(envelope(id)));
  t.deepEqual(taken, [true, true, true, true]);
  t.false(mailbox.offer(envelope(5)));
  mailbox.take(2, 100);
  t.false(mailbox.offer(envelope(6)), 'at the low mark it still refuses');
  mailbox.take(1, 100);
  t.true(mailbox.offer(envelope(7)));
  t.is(mailbox.depth, 2);
});

test('what waited past its deadline leaves from the front only', (t) => {
  const mailbox = new Mailbox({ highMark: 10, lowMark: 5 });
  for (const [id, deadline] of [
    [1, 10],
    [2, 20],
    [3, 30],
  ] as const)
    mailbox.offer(envelope(id, 1, deadline));
  t.deepEqual(ids(mailbox.expire(20)), ['1', '2']);
  t.deepEqual(ids(mailbox.take(10, 100)), ['3']);
});

test('a long-lived mailbox does not keep what it gave away', (t) => {
  const mailbox = new Mailbox({ highMark: 10_000, lowMark: 5_000 });
  let out = 0;
  for (let id = 0; id < 50_000; id++) {
    t.true(mailbox.offer(envelope(id)) || mailbox.depth > 0);
    if (id % 3 === 0) for (const taken of mailbox.take(3, 100)) t.is(taken.command.id, String(out++));
  }
});
