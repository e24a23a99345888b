/** Who is about to leave is known until a room has heard it. */
import test from 'ava';
import type { Command } from '../../src/actors/protocol/commands.js';
import { reject, type RejectionCode } from '../../src/actors/rejections.js';
import { Leaving } from '../../src/edge/leaving.js';
import type { ReplyTo, Rooms } from '../../src/runtime/rooms.js';

function setUp() {
  const waiting: ReplyTo[] = [];
  const rooms: Rooms = {
    accepting: true,
    attach: () => undefined,
    page: () => Promise.resolve(null),
    ask: () => Promise.reject(new Error('not asked')),
    send: (_, replyTo) => void waiting.push(replyTo),
  };
  const leaving = new Leaving(rooms);
  const leave = (socketId: string, key = 'r'): void => {
    leaving.send({ kind: 'leave', id: socketId, key, userId: `user of ${socketId}`, socketId }, () => undefined);
  };
  const answer = (code: RejectionCode | 'ok'): void => {
    waiting.shift()?.(
      code === 'ok' ? { ok: true, answer: { body: '{}', resync: null } } : { ok: false, rejection: reject(code) },
      0,
    );
  };
  return { leaving, leave, answer };
}

test('a socket is leaving from its leave to the answer', (t) => {
  const { leaving, leave, answer } = setUp();
  leave('s1');
  leave('s2');
  leave('s3', 'q');
  t.deepEqual(
    [...leaving.sockets('r')],
    [
      ['s1', 'user of s1'],
      ['s2', 'user of s2'],
    ],
  );
  t.deepEqual([...leaving.rooms()], ['r', 'q']);
  answer('ok');
  t.deepEqual([...leaving.sockets('r').keys()], ['s2']);
  answer('ok');
  answer('ok');
  t.deepEqual([...leaving.rooms()], []);
});

test('a leave that was not heard will be told again, so the socket is still leaving; one refused for good is not', (t) => {
  const { leaving, leave, answer } = setUp();
  for (const code of ['UNAVAILABLE', 'OVERLOADED'] as const) {
    leave('s1');
    answer(code);
    t.is(leaving.sockets('r').size, 1, code);
  }
  leave('s1');
  answer('ok');
  t.is(leaving.sockets('r').size, 0);
  for (const code of ['DRAINING', 'INTERNAL'] as const) {
    leave('s1');
    answer(code);
    t.is(leaving.sockets('r').size, 0, code);
  }
});

test('other commands pass, and are not remembered', (t) => {
  const { leaving, answer } = setUp();
  const typing: Command = { kind: 'typing', id: 'x', key: 'r', userId: 'ann' };
  const outcomes: boolean[] = [];
  leaving.send(typing, ({ ok }) => outcomes.push(ok));
  answer('ok');
  t.deepEqual(outcomes, [true]);
  t.deepEqual([...leaving.rooms()], []);
});
