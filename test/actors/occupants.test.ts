/** Joining, leaving and catching up. */
import test from 'ava';
import { announce, edit, join, leave, limits, mark, remove, room, send, tick, typing } from './support/commands.js';
import { Host, type Step } from './support/host.js';

function host(): Host {
  return new Host(limits, room);
}

function names(step: Step): string[] {
  return step.heard.map(([name]) => name);
}

function contents(step: Step): unknown[] {
  return (step.body?.['messages'] as Record<string, unknown>[]).map((message) => message['content']);
}

test('the others hear of a user’s first socket and last socket only', (t) => {
  const room1 = host();
  const first = room1.one(join('ann', 's1'));
  t.deepEqual(first.heard, [['user_joined', { userId: 'ann', roomId: room }, 'ann']]);
  t.deepEqual(names(room1.one(join('ann', 's2'))), []);
  t.deepEqual(names(room1.one(join('ann', 's2'))), [], 'the same socket again');
  t.deepEqual(room1.one(leave('ann', 's1')).heard, []);
  const last = room1.one(leave('ann', 's2'));
  t.deepEqual(last.heard, [['user_left', { userId: 'ann', roomId: room }, 'ann']]);
  t.deepEqual(last.body, { roomId: room, success: true });
  t.false(room1.behaviour.occupied(room1.state));
});

test('leaving a room one is not in succeeds in silence', (t) => {
  const room1 = host();
  room1.one(join('ann', 's1'));
  for (const command of [leave('ann', 's9'), leave('bob', 's1')]) {
    const step = room1.one(command);
    t.deepEqual([step.body, step.heard], [{ roomId: room, success: true }, []]);
  }
  t.true(room1.behaviour.occupied(room1.state));
});

test('the last socket takes the user’s typing with it, an earlier one does not', (t) => {
  const room1 = host();
  room1.run([join('ann', 's1'), join('ann', 's2'), typing('ann')]);
  t.deepEqual(names(room1.one(leave('ann', 's1'))), []);
  t.deepEqual(names(room1.one(leave('ann', 's2'))), ['user_left', 'user_stopped_typing']);
});

test('an announcement adds sockets, and tells nobody of them', (t) => {
  const room1 = host();
  const told = room1.one(
    announce([
      ['ann', 's1'],
      ['bob', 's2'],
    ]),
  );
  t.deepEqual(told.heard, [['typing_users', { roomId: room, typingUsers: [] }, null]]);
  t.deepEqual(told.versions, [null]);
  t.deepEqual(room1.one(announce([['cyd', 's4']])).heard, []);
  t.deepEqual(names(room1.one(join('ann', 's3'))), []);
  t.deepEqual(names(room1.one(leave('bob', 's2'))), ['user_left']);
});

test('the first announcement to a room that lost its memory says who types, so that nobody types for ever', (t) => {
  const room1 = host();
  room1.run([join('ann', 's1'), join('bob', 's2'), typing('ann')]);
  room1.reactivate();
  const who = announce([
    ['ann', 's1'],
    ['bob', 's2'],
  ]);
  t.deepEqual(room1.one(who).heard, [['typing_users', { roomId: room, typingUsers: [] }, null]]);
  t.deepEqual(names(room1.one(who)), [], 'once');
  room1.reactivate();
  room1.one(typing('ann'));
  t.deepEqual(room1.one(who).heard, [['typing_users', { roomId: room, typingUsers: ['ann'] }, null]]);
});

test('a while after an announcement the edges are told who is in the room, once', (t) => {
  const room1 = new Host({ ...limits, rosterDelayMs: 3_000 }, room);
  const listed = (now: number): readonly unknown[] => room1.one(tick(), now).heard;
  room1.one(announce([['ann', 's1']]), 1_000);
  t.is(room1.behaviour.deadline(room1.state), 4_000);
  room1.one(announce([['bob', 's2']]), 2_000);
  t.is(room1.behaviour.deadline(room1.state), 4_000, 'not put off');
  t.deepEqual(listed(3_999), []);
  room1.reread();
  t.deepEqual(listed(4_000), [['occupants', ['ann', 'bob'], null]]);
  t.deepEqual([listed(9_000), room1.behaviour.deadline(room1.state)], [[], null]);
  room1.one(announce([['cyd', 's3']]), 9_000);
  t.deepEqual(listed(1_000), [['occupants', ['ann', 'bob', 'cyd'], null]], 'whatever the clock does');
  const alone = host();
  alone.one(announce([['ann', 's1']]));
  t.is(alone.behaviour.deadline(alone.state), null, 'one node knows all of its sockets');
});

test('an announced socket that was about to leave leaves like any other', (t) => {
  const room1 = host();
  room1.run([join('ann', 's1'), join('bob', 's2')]);
  room1.reactivate();
  room1.one(
    announce([
      ['ann', 's1'],
      ['bob', 's2'],
    ]),
  );
  t.deepEqual(names(room1.one(leave('bob', 's2'))), ['user_left']);
});

test('a join brings the newest messages within the bounds, also in the midst of a large frame', (t) => {
  const room1 = host();
  const sends = [1, 2, 3, 4, 5, 6, 7].map((n) => send('bob', `m${n}`));
  const steps = room1.run([...sends, join('ann')]);
  const joined = steps[7];
  t.deepEqual(joined === undefined ? [] : contents(joined), ['m4', 'm5', 'm6', 'm7']);
  t.like(joined?.body, { roomId: room, success: true, seq: 7, version: 7, unread: 7 });
});

test('a join of an empty room brings nothing and reads nothing', (t) => {
  const room1 = host();
  const step = room1.one(join('ann', 's1', 0));
  t.deepEqual(step.body, { roomId: room, messages: [], success: true, seq: 0, version: 0, unread: 0 });
  t.is(room1.database.reads, 0);
});

test('law 5: since brings exactly what changed: new, edited and deleted, from memory and from behind it', (t) => {
  const room1 = host();
  const sends = [1, 2, 3, 4, 5, 6].map((n) => send('bob', `m${n}`));
  room1.run(sends);
  room1.run([edit('bob', sends[0]?.id ?? '', 'm1!'), remove('bob', sends[4]?.id ?? '')]); // versions 7 and 8
  const caught = (since: number) => contents(room1.one(join('ann', 's1', since)));
  t.deepEqual(caught(8), []);
  t.deepEqual(caught(7), ['']);
  t.deepEqual(caught(6), ['m1!', '']);
  t.deepEqual(caught(5), ['m1!', '', 'm6']);
  t.deepEqual(caught(2), ['m1!', 'm3', 'm4', '', 'm6']);
});

test('law 5: since in the frame of the changes sees those before it and not those after it', (t) => {
  const room1 = host();
  const sends = [1, 2, 3, 4, 5, 6].map((n) => send('bob', `m${n}`));
  room1.run(sends);
  const first = sends[0]?.id ?? '';
  const steps = room1.run([
    edit('bob', first, 'm1!'),
    join('ann', 's1', 5),
    mark('read', 'ann', [first]),
    send('bob', 'm7'),
    join('ann', 's2', 1),
    edit('bob', first, 'm1?'),
  ]);
  t.deepEqual(steps[1] === undefined ? [] : contents(steps[1]), ['m1!', 'm6']);
  t.is(steps[4]?.resync, 'too_many_changes');
  t.is(room1.one(join('ann', 's3', 8)).resync, null);
  t.deepEqual(contents(room1.one(join('ann', 's3', 8))), ['m1?']);
});

test('a since that cannot be served brings the recent messages and says why', (t) => {
  const room1 = host();
  room1.run([1, 2, 3, 4, 5, 6, 7].map((n) => send('bob', `m${n}`)));
  const beyond = room1.one(join('ann', 's1', 8));
  t.deepEqual([beyond.resync, contents(beyond)], ['unknown_version', ['m4', 'm5', 'm6', 'm7']]);
  const old = room1.one(join('ann', 's1', 0));
  t.deepEqual([old.resync, contents(old)], ['too_many_changes', ['m4', 'm5', 'm6', 'm7']]);
  t.deepEqual([room1.one(join('ann', 's1', 1)).resync], [null]);
});

test('a since that memory can serve reads nothing from the store', (t) => {
  const room1 = host();
  const sends = [1, 2, 3, 4].map((n) => send('bob', `m${n}`));
  room1.run([...sends, mark('read', 'ann', [], 4), send('bob', 'm5'), send('bob', 'm6')]);
  t.deepEqual(contents(room1.one(join('ann', 's1', 3))), ['m4', 'm5', 'm6']);
  t.deepEqual(contents(room1.one(join('ann', 's1', 4))), ['m5', 'm6']);
  t.is(room1.database.reads, 0);
});

test('the recent messages that joins share are never those of before a change', (t) => {
  const room1 = host();
  const message = send('bob', 'secret');
  room1.run([message, join('ann', 's1')]);
  const shown = (): string => JSON.stringify(room1.one(join('cy', 's2')).body);
  t.true(shown().includes('secret'));
  room1.one(mark('read', 'ann', [message.id]));
  t.true(shown().includes('"read_count":1'));
  room1.one(edit('bob', message.id, 'open'));
  t.true(shown().includes('open') && !shown().includes('secret'));
  room1.one(remove('bob', message.id));
  t.false(shown().includes('open'));
});
