/** The end of access as the room decides it: its place, what it refuses behind it, and that it happens once. */
import test from 'ava';
import type { Command, EvictCommand, JoinCommand } from '../../src/actors/protocol/commands.js';
import { roomBehaviour, type RoomState } from '../../src/actors/room.js';
import { Database } from './support/database.js';
import { limits as without, newId, room, send } from './support/commands.js';
import { Host } from './support/host.js';

const limits = { ...without, removalsKept: 2 };

function evict(userId: string | null): EvictCommand {
  return { kind: 'evict', key: room, id: newId(), userId };
}

function join(userId: string, socketId: string, admitted?: number): JoinCommand {
  const command: JoinCommand = { kind: 'join', key: room, id: newId(), userId, socketId, since: null };
  return admitted === undefined ? command : { ...command, admitted };
}

test('a removal takes a version, puts every socket of the user out and tells the others once', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'one'), join('bob', 's1'), join('bob', 's2'), join('cat', 's3')], 1);
  const [step] = host.run([evict('bob')], 2);
  t.deepEqual(step?.heard, [
    ['room_left', { roomId: room, success: true, reason: 'removed' }, null],
    ['user_left', { userId: 'bob', roomId: room }, 'bob'],
  ]);
  t.deepEqual(step?.versions, [2, null]);
  t.deepEqual([...(host.state.occupants?.keys() ?? [])], ['cat']);
  const [next] = host.run([send('ann', 'two')], 3);
  t.like(next?.body, { seq: 2, version: 3 });
});

test('a removed user’s join and send are refused until access was asked for since', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'one'), join('bob', 's1')], 1);
  const codes = (commands: readonly Command[]): (string | null)[] => host.run(commands, 2).map(({ code }) => code);
  t.deepEqual(codes([evict('bob'), join('bob', 's1'), send('bob', 'x'), send('ann', 'y')]), [
    null,
    'NOT_FOUND',
    'NOT_FOUND',
    null,
  ]);
  t.deepEqual(codes([join('bob', 's1', 1), join('bob', 's1', 2), send('bob', 'x', { admitted: 2 })]), [
    'NOT_FOUND',
    null,
    null,
  ]);
  host.run([evict(null)], 3);
  t.deepEqual(codes([join('bob', 's1', 2), join('cat', 's2')]), ['NOT_FOUND', 'NOT_FOUND']);
});

test('a join behind a removal is refused by a room that was activated since', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'one'), evict('bob')], 1);
  host.reactivate();
  t.deepEqual(
    host.run([join('bob', 's1'), join('cat', 's2')], 2).map(({ code }) => code),
    ['NOT_FOUND', null],
  );
});

test('a send behind a removal is refused by a room that was activated since, whose first command it may be', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'one'), evict('bob')], 1);
  host.reactivate();
  t.deepEqual(
    host.run([send('bob', 'x'), send('ann', 'y'), send('bob', 'z', { admitted: 2 })], 2).map(({ code }) => code),
    ['NOT_FOUND', null, null],
  );
  const { reads } = host.database;
  host.run([send('ann', 'z')], 3);
  t.is(host.database.reads, reads, 'asked for once');
});

test('too many removals to remember ask everybody anew', (t) => {
  const host = new Host(limits, room);
  host.run([send('ann', 'one'), ...['a', 'b', 'c'].map(evict)], 1);
  t.deepEqual(
    host.run([join('cat', 's1'), join('cat', 's1', 4)], 2).map(({ code }) => code),
    ['NOT_FOUND', null],
  );
});

test('a removal whose outcome was lost happens once, at its own place', (t) => {
  for (const committed of [true, false]) {
    const host = new Host(limits, room);
    host.run([send('ann', 'one'), join('bob', 's1'), join('cat', 's2')], 1);
    const steps = host.runAndLose([evict('bob'), send('ann', 'two')], 2, committed);
    t.deepEqual(
      steps.flatMap(({ versions }) => versions),
      [2, null, 3],
      `committed: ${committed}`,
    );
    t.is(host.state.lastVersion, 3);
    t.is(host.database.lastVersion, 3);
  }
});

test('without a broker joins ask the store for no removals', (t) => {
  const behaviour = roomBehaviour(without);
  const database = new Database(room);
  const host = new Host(limits, room);
  host.run([send('ann', 'one')], 1);
  const state: RoomState = behaviour.activate(host.database.snapshot(4));
  t.deepEqual(
    behaviour.needs(state, join('bob', 's1')).map(({ need }) => need),
    ['marks'],
  );
  t.is(database.reads, 0);
});
