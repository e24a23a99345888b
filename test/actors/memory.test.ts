/** What a room keeps, and that it keeps no more. */
import test from 'ava';
import type { Message } from '../../src/actors/protocol/message.js';
import { edit, join, leave, limits, mark, newId, remove, room, send, typing } from './support/commands.js';
import { Host } from './support/host.js';

const small = { ...limits, recentMessages: 10, recentBytes: 100 };

function contents(host: Host): string[] {
  return host.state.recent.map(({ content }) => content);
}

test('the ring keeps the newest messages up to its number', (t) => {
  const host = new Host(limits, room);
  host.run([1, 2, 3, 4, 5, 6].map((n) => send('ann', `m${n}`)));
  t.deepEqual(contents(host), ['m3', 'm4', 'm5', 'm6']);
});

test('the ring keeps the newest messages up to its bytes, metadata included, and the newest always', (t) => {
  const host = new Host(small, room);
  host.run(['a', 'b', 'c'].map((letter) => send('ann', letter.repeat(20)))); // 40 bytes each
  t.deepEqual(contents(host), ['b'.repeat(20), 'c'.repeat(20)]);
  host.one(send('ann', 'd', { metadata: JSON.stringify({ x: 'y'.repeat(30) }) }));
  t.deepEqual(contents(host), ['d'], '78 bytes, 118 with the one before');
  host.one(send('ann', 'e'.repeat(1_000)));
  t.deepEqual(contents(host), ['e'.repeat(1_000)]);
  const joined = host.one(join('bob'));
  t.is((joined.body?.['messages'] as unknown[]).length, 1);
});

test('bytes are counted right through edits and deletes, and after an activation', (t) => {
  const host = new Host(small, room);
  const first = send('ann', 'x'.repeat(10), { metadata: '{"k":1}' });
  const second = send('ann', 'y'.repeat(10));
  host.run([first, second]);
  const weigh = (): number =>
    host.state.recent.reduce((sum, each) => sum + 2 * (each.content.length + (each.metadata?.length ?? 0)), 0);
  for (const step of [
    () => host.one(edit('ann', second.id, 'z'.repeat(25))),
    () => host.one(remove('ann', first.id)),
    () => host.one(mark('read', 'bob', [], 2)),
    () => host.reactivate(),
    () => host.one(edit('ann', second.id, 'w'.repeat(200))),
  ]) {
    step();
    t.is(host.state.bytes, weigh());
  }
  t.is(host.state.recent.length, 1);
});

test('an activation with more than the bound keeps the bound, and still catches up', (t) => {
  const host = new Host({ ...small, recentBytes: 1_000 }, room);
  host.run(['a', 'b', 'c', 'd'].map((letter) => send('ann', letter.repeat(20))));
  const tight = new Host(small, room);
  const state = tight.behaviour.activate(host.database.snapshot(10));
  t.is(state.recent.length, 2);
  t.is(state.floor, 2, 'what left memory must be asked for');
});

test('the catch-up floor is the newest version that memory may not know of', (t) => {
  const host = new Host(limits, room);
  const sends = [1, 2, 3, 4, 5, 6].map((n) => send('ann', `m${n}`));
  host.run(sends);
  t.is(host.state.floor, 2);
  host.one(edit('ann', sends[5]?.id ?? '', 'again'));
  t.is(host.state.floor, 2, 'a change in the ring does not raise it');
  host.one(edit('ann', sends[0]?.id ?? '', 'again'));
  t.is(host.state.floor, 8, 'a change behind the ring does');
  host.reactivate();
  t.is(host.state.floor, 8);
});

test('a snapshot with a hole is refused: it would number messages wrongly', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'a'), send('ann', 'b')]);
  const snapshot = host.database.snapshot(4);
  t.throws(() => host.behaviour.activate({ ...snapshot, recent: snapshot.recent.slice(0, 1) }));
});

test('an event that does not take the next place throws instead of being stored', (t) => {
  const host = new Host(limits, room);
  host.one(send('ann', 'a'));
  const [message] = host.database.messages();
  t.truthy(message);
  const event = (more: Partial<Message>) => ({
    type: 'message_created' as const,
    durable: true as const,
    replayed: false,
    message: { ...(message as Message), id: newId(), ...more },
  });
  t.throws(() => host.behaviour.evolve(host.state, event({ seq: 3, version: 2 })));
  t.throws(() => host.behaviour.evolve(host.state, event({ seq: 2, version: 3 })));
});

test('almost every command needs nothing from the store', (t) => {
  const host = new Host(limits, room);
  const message = send('ann', 'a');
  host.run([message, mark('read', 'bob', [message.id])]);
  for (const command of [
    send('bob', 'x', { clientMsgId: 'c', replyTo: message.id }),
    edit('ann', message.id, 'y'),
    remove('ann', message.id),
    mark('read', 'bob', [message.id]),
    join('bob'),
    leave('bob'),
    typing('bob'),
  ])
    t.deepEqual(host.behaviour.needs(host.state, command), [], command.kind);
});

test('needs name each absent message once, and no marks count for a mark', (t) => {
  const host = new Host(limits, room);
  host.run([1, 2, 3, 4, 5].map((n) => send('ann', `m${n}`)));
  const id = host.database.messages()[0]?.id ?? '';
  t.deepEqual(host.behaviour.needs(host.state, mark('read', 'bob', [id, id.toUpperCase(), 'nonsense'])), [
    { need: 'message', id },
    { need: 'marks', userId: 'bob', below: 0 },
  ]);
  t.deepEqual(host.behaviour.needs(host.state, join('bob', 's', 0)), [
    { need: 'marks', userId: 'bob', below: 2 },
    { need: 'changes', since: 0, limit: limits.catchUpMessages },
  ]);
});

test('a room that is left holds no maps and nothing of its frames', (t) => {
  const host = new Host(limits, room);
  host.run([join('ann'), typing('ann'), send('ann', 'a'), typing('ann'), leave('ann')]);
  const { occupants, typing: typists, frame, undo, sent, marks } = host.state;
  t.deepEqual([occupants, typists, frame, undo, sent, marks], [null, null, null, null, null, null]);
});
