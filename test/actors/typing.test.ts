/** Typing: its time to live, its quiet time, its bound, and clocks that step back. */
import test from 'ava';
import { limits, room, stopTyping, tick, typing, typingUsers } from './support/commands.js';
import { Host } from './support/host.js';

const { typingTtlMs: ttl, typingQuietMs: quiet } = limits;

function host(): Host {
  return new Host(limits, room);
}

function users(room1: Host, now: number): unknown {
  return room1.one(typingUsers(), now).body?.['typingUsers'];
}

test('typing is told to the others, and again only after the quiet time', (t) => {
  const room1 = host();
  t.deepEqual(room1.one(typing('ann'), 0).heard, [['user_typing', { userId: 'ann', roomId: room }, 'ann']]);
  t.deepEqual(room1.one(typing('ann'), quiet - 1).heard, []);
  t.is(room1.one(typing('ann'), quiet).heard.length, 1);
  t.is(room1.one(typing('ann'), 2 * quiet - 1).heard.length, 0);
});

test('a silent repetition prolongs the typing', (t) => {
  const room1 = host();
  room1.one(typing('ann'), 0);
  t.is(room1.behaviour.deadline(room1.state), ttl);
  room1.one(typing('ann'), quiet - 1);
  t.is(room1.behaviour.deadline(room1.state), quiet - 1 + ttl);
  t.deepEqual(room1.one(tick(), ttl).heard, []);
  t.deepEqual(users(room1, ttl), ['ann']);
});

test('a tick ends what has reached its time, and the room wants no tick after the last', (t) => {
  const room1 = host();
  room1.one(typing('ann'), 0);
  room1.one(typing('bob'), 10);
  t.deepEqual(room1.one(tick(), ttl - 1).heard, []);
  t.deepEqual(room1.one(tick(), ttl).heard, [['user_stopped_typing', { userId: 'ann', roomId: room }, 'ann']]);
  t.is(room1.behaviour.deadline(room1.state), ttl + 10);
  t.is(room1.one(tick(), ttl + 10).heard.length, 1);
  t.is(room1.behaviour.deadline(room1.state), null);
});

test('stop_typing is told once', (t) => {
  const room1 = host();
  room1.one(typing('ann'), 0);
  t.is(room1.one(stopTyping('ann'), 1).heard[0]?.[0], 'user_stopped_typing');
  t.deepEqual(room1.one(stopTyping('ann'), 2).heard, []);
  t.deepEqual(room1.one(stopTyping('bob'), 2).body, {});
});

test('typing_users lists who types now, the first to start first', (t) => {
  const room1 = host();
  room1.one(typing('bob'), 0);
  room1.one(typing('ann'), 10);
  room1.one(typing('bob'), 20);
  t.deepEqual(users(room1, 30), ['bob', 'ann']);
  t.deepEqual(users(room1, ttl + 15), ['bob'], 'ended, though no tick has come yet');
});

test('over the bound a further user is refused, unless the time of another has come', (t) => {
  const room1 = host();
  for (const userId of ['ann', 'bob', 'cy']) room1.one(typing(userId), 0);
  t.is(room1.one(typing('dee'), 1).code, 'OVERLOADED');
  t.is(room1.one(typing('ann'), 1).code, null);
  const step = room1.one(typing('dee'), ttl);
  t.deepEqual(
    step.heard.map(([name, data]) => [name, (data as { userId: string }).userId]),
    [
      ['user_stopped_typing', 'bob'],
      ['user_stopped_typing', 'cy'],
      ['user_typing', 'dee'],
    ],
  );
  t.is(room1.state.typing?.size, 2);
});

test('a clock that steps back keeps nobody typing beyond the time to live', (t) => {
  const room1 = host();
  room1.one(typing('ann'), 1_000_000);
  t.deepEqual(users(room1, 1_000), []);
  t.is(room1.one(typing('ann'), 1_000).heard.length, 1, 'and starts anew');
  t.deepEqual(users(room1, 1_000), ['ann']);
  room1.one(typing('bob'), 900_000);
  t.is(room1.one(tick(), 1_000 + ttl).heard.length, 2);
});
