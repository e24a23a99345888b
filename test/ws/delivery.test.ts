/**
 * Law 4 at the edge: what a socket sees of a room, and in which order.
 * Long because it is one suite: each place of a join, leave or burst within a frame has its case.
 */
import test from 'ava';
import { directKey } from '../../src/actors/protocol/ids.js';
import { ask, next, recorders, world } from './support/world.js';

test('a joiner gets room_joined first, then exactly the broadcasts placed after its join', async (t) => {
  const { chat, client, join } = await world(t);
  const [alice, bob] = [await client('alice'), await client('bob')];
  await join(alice, 'r');
  const [hearsAlice, hearsBob] = await recorders(alice, bob);
  alice.emit('send_message', { room_id: 'r', content: 'before' });
  await chat.arrived(1);
  bob.emit('join_room', { roomId: 'r' });
  await chat.arrived(2);
  alice.emit('send_message', { room_id: 'r', content: 'after' });
  await chat.arrived(3);
  chat.commit();
  alice.emit('send_message', { room_id: 'r', content: 'later' });
  await chat.arrived(1);
  chat.commit();
  await hearsBob.until((all) => all.of('new_message').length >= 2);
  await hearsAlice.until((all) => all.of('new_message').length >= 3);
  t.deepEqual(hearsBob.names, ['room_joined 1', 'new_message 2', 'new_message 3']);
  t.deepEqual(hearsAlice.names, ['new_message 1', 'user_joined bob', 'new_message 2', 'new_message 3']);
});

test('a socket that joins a room again gets its room_joined between the broadcasts before and after', async (t) => {
  const { chat, client, join } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  const [hears] = await recorders(alice);
  for (const step of ['send', 'join', 'send', 'join', 'send']) {
    const before = chat.waiting;
    if (step === 'send') alice.emit('send_message', { room_id: 'r', content: 'x' });
    else alice.emit('join_room', { roomId: 'r' });
    await chat.arrived(before + 1);
  }
  chat.commit();
  await hears.until((all) => all.of('new_message').length >= 3);
  t.deepEqual(hears.names, ['new_message 1', 'room_joined 1', 'new_message 2', 'room_joined 2', 'new_message 3']);
});

test('a repeated join in a frame without broadcasts for it is answered all the same', async (t) => {
  const { chat, client, join } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  alice.emit('join_room', { roomId: 'r' });
  const joined = next(alice, 'room_joined');
  await chat.arrived(1);
  chat.burst([]);
  chat.commit();
  t.like(await joined, { roomId: 'r', version: 0 });
});

test('no socket of an excepted user gets a broadcast, everybody else does', async (t) => {
  const { chat, client, join } = await world(t);
  const [alice, tablet, other] = [await client('alice'), await client('alice'), await client('bob')];
  for (const socket of [alice, tablet, other]) await join(socket, 'r');
  const [first, second, bob] = await recorders(alice, tablet, other);
  alice.emit('typing', { roomId: 'r' });
  await chat.arrived(1);
  other.emit('send_message', { room_id: 'r', content: 'end' });
  await chat.arrived(2);
  chat.commit();
  for (const hears of [first, second, bob]) await hears.until((all) => all.of('new_message').length >= 1);
  t.deepEqual(first.names, ['new_message 1']);
  t.deepEqual(second.names, ['new_message 1']);
  t.deepEqual(bob.names, ['user_typing alice', 'new_message 1']);
});

test('a direct message reaches all sockets of both users and nobody else', async (t) => {
  const { chat, client } = await world(t);
  const [alice, tablet, bob] = [await client('alice'), await client('alice'), await client('bob')];
  const carol = await client('carol');
  const hears = await recorders(alice, tablet, bob, carol);
  alice.emit('send_message', { receiver_id: 'bob', content: 'hi' });
  await chat.arrived(1);
  chat.commit();
  for (const one of hears.slice(0, 3)) await one.until((all) => all.of('new_message').length >= 1);
  carol.emit('send_message', { receiver_id: 'carol', content: 'to myself' });
  await chat.arrived(1);
  chat.commit();
  await hears[3].until((all) => all.of('new_message').length >= 1);
  t.deepEqual(
    hears[3].of('new_message').map((body) => body['content']),
    ['to myself'],
  );
  t.is(hears[0].heard.length, 1);
});

test('a broadcast that was delivered before is dropped, a hole is announced before what follows it', async (t) => {
  const { chat, client, join, metrics } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  const [hears] = await recorders(alice);
  const event = (version: number, at: number, name = 'new_message') => ({
    packet: JSON.stringify([name, { version }]),
    version,
    except: null,
    at,
  });
  chat.burst([{ key: 'r', events: [event(1, 0), event(2, 1), event(2, 1, 'message_edited')] }]);
  chat.burst([{ key: 'r', events: [event(2, 0), event(3, 1)] }]);
  chat.burst([{ key: 'r', events: [event(7, 0), event(8, 1)] }]);
  await hears.until((all) => all.heard.length >= 7);
  t.deepEqual(hears.names, [
    'new_message 1',
    'new_message 2',
    'message_edited 2',
    'new_message 3',
    'resync_required 7',
    'new_message 7',
    'new_message 8',
  ]);
  t.deepEqual(hears.of('resync_required'), [{ roomId: 'r', version: 7, reason: 'gap' }]);
  t.is(metrics.gaps, 1);
});

test('a direct broadcast that was delivered before is dropped', async (t) => {
  const { chat, client } = await world(t);
  const alice = await client('alice');
  const [hears] = await recorders(alice);
  const key = directKey('alice', 'bob');
  const event = (version: number) => ({
    packet: `["new_message",{"version":${version}}]`,
    version,
    except: null,
    at: 0,
  });
  for (const version of [4, 4, 5]) chat.burst([{ key, events: [event(version)] }]);
  await hears.until((all) => all.heard.length >= 2);
  t.deepEqual(hears.names, ['new_message 4', 'new_message 5']);
});

test('a socket that left hears nothing more, and one that disconnected has departed from its rooms', async (t) => {
  const { chat, client, join, edge } = await world(t);
  const [alice, bob] = [await client('alice'), await client('bob')];
  for (const socket of [alice, bob]) await join(socket, 'r');
  await join(bob, 's');
  t.deepEqual(
    edge.listener.announce('r')?.occupants.map(([userId]) => userId),
    ['alice', 'bob'],
  );
  t.deepEqual([...edge.listener.occupiedRooms()], ['r', 's']);
  const [hears] = await recorders(alice);
  alice.emit('leave_room', { roomId: 'r' });
  await chat.arrived(1);
  bob.emit('send_message', { room_id: 'r', content: 'gone?' });
  await chat.arrived(2);
  chat.commit();
  t.like(await ask(alice, 'get_messages', {}), { success: true });
  t.deepEqual(hears.names, ['room_left']);
  bob.disconnect();
  await chat.gone('bob@s');
  t.deepEqual(chat.departed, ['bob@r', 'bob@s']);
  t.is(edge.listener.announce('r'), null);
});

test('a socket that disconnects while its join is on the way departs at once', async (t) => {
  const { chat, client, edge, metrics } = await world(t);
  const alice = await client('alice');
  alice.emit('join_room', { roomId: 'r' });
  await chat.arrived(1);
  const other = await client('bob');
  alice.disconnect();
  while (metrics.sockets > 1) await ask(other, 'get_messages', {});
  chat.commit();
  t.deepEqual(chat.departed, ['alice@r']);
  t.is(edge.listener.announce('r'), null);
});

test('a socket that was told its join failed does not stay in the room if the join commits later', async (t) => {
  const { chat, client, join } = await world(t);
  const alice = await client('alice');
  const joining = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(1);
  chat.giveUp();
  t.like(await joining, { success: false, code: 'UNAVAILABLE' });
  t.deepEqual(chat.departed, ['alice@r']);
  await join(alice, 'r');
  t.deepEqual(
    chat.departures.map((returned) => returned()),
    [true],
    'a departure that is still to be told is over',
  );
  const again = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(1);
  chat.giveUp();
  t.like(await again, { success: false, code: 'UNAVAILABLE' });
  t.deepEqual(chat.departed, ['alice@r'], 'one that is in the room stays there');
});

test('a join without an outcome does not take the socket out of the room that its next join enters', async (t) => {
  const { chat, client } = await world(t);
  const alice = await client('alice');
  const first = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(1);
  const second = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(2);
  chat.giveUp(1);
  t.like(await first, { success: false, code: 'UNAVAILABLE' });
  t.deepEqual(chat.departed, [], 'the other join decides');
  chat.commit();
  t.like(await second, { success: true });
  t.deepEqual(chat.departed, []);
  const third = ask(alice, 'leave_room', { roomId: 'r' });
  await chat.arrived(1);
  chat.commit();
  await third;
  const joins = [ask(alice, 'join_room', { roomId: 'r' }), ask(alice, 'join_room', { roomId: 'r' })];
  await chat.arrived(2);
  chat.giveUp(1);
  t.deepEqual(chat.departed, []);
  chat.giveUp();
  await Promise.all(joins);
  t.deepEqual(chat.departed, ['alice@r'], 'once, when no join is left');
});

test('a departure is put off while a join is on its way, and told again when that fails', async (t) => {
  const { chat, client } = await world(t);
  const alice = await client('alice');
  const first = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(1);
  chat.giveUp();
  await first;
  const second = ask(alice, 'join_room', { roomId: 'r' });
  await chat.arrived(1);
  t.deepEqual(
    chat.departures.map((returned) => returned()),
    [true],
  );
  chat.refuse('OVERLOADED');
  t.like(await second, { success: false, code: 'OVERLOADED' });
  t.deepEqual(chat.departed, ['alice@r', 'alice@r']);
});

test('a leave without an outcome puts the socket out here and now, and departs', async (t) => {
  const { chat, client, join, edge } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  const [hears] = await recorders(alice);
  const leaving = ask(alice, 'leave_room', { roomId: 'r' });
  await chat.arrived(1);
  chat.giveUp();
  t.deepEqual(await leaving, { roomId: 'r', success: true });
  t.deepEqual(hears.of('room_left'), [{ roomId: 'r', success: true }]);
  t.deepEqual(chat.departed, ['alice@r']);
  t.is(edge.listener.announce('r'), null);
});

const told = (name: string, version: number | null, at: number, id = `m${version ?? ''}`) => ({
  packet: JSON.stringify([name, { id, version }]),
  version,
  except: null,
  at,
});

test('a frame told again gives a socket that joins again nothing that its room_joined brought', async (t) => {
  const { chat, client, join } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  const [hears] = await recorders(alice);
  // The frame [send, join, typing, send] committed, but was answered only when it was sent again: the join tells both messages.
  chat.room('r').version = 2;
  alice.emit('typing', { roomId: 'q' });
  await chat.arrived(1);
  alice.emit('join_room', { roomId: 'r' });
  await chat.arrived(2);
  chat.commit([
    { key: 'r', events: [told('new_message', 1, 0), told('user_typing', null, 2, 't'), told('new_message', 2, 3)] },
  ]);
  chat.burst([{ key: 'r', events: [told('new_message', 3, 0)] }]);
  await hears.until((all) => all.names.includes('new_message 3'));
  t.deepEqual(hears.names, ['new_message 1', 'room_joined 2', 'user_typing', 'new_message 3']);
});

test('a frame told again after an edit drops nothing: the jump is announced, in rooms and in direct conversations', async (t) => {
  const { chat, client, join } = await world(t);
  const alice = await client('alice');
  await join(alice, 'r');
  const [hears] = await recorders(alice);
  // [send m1, send m2, edit m1]: m1 is told as it is now.
  const events = [
    told('new_message', 3, 0, 'm1'),
    told('new_message', 2, 1, 'm2'),
    told('message_edited', 3, 2, 'm1'),
    told('new_message', 2, 3, 'm2'),
  ];
  const expected = ['new_message 3', 'new_message 2', 'message_edited 3'];
  chat.burst([{ key: 'r', events }]);
  await hears.until((all) => all.names.length >= 4);
  t.deepEqual(hears.names, ['resync_required 3', ...expected], 'each once');
  t.deepEqual(hears.of('resync_required'), [{ roomId: 'r', version: 3, reason: 'gap' }]);

  hears.heard.length = 0;
  const key = directKey('alice', 'bob');
  chat.burst([{ key, events }]);
  chat.burst([{ key, events: [told('new_message', 4, 0)] }]);
  await hears.until((all) => all.names.includes('new_message 4'));
  t.deepEqual(hears.names, [
    'new_message 3',
    'resync_required 3',
    'new_message 2',
    'message_edited 3',
    'new_message 4',
  ]);
  t.like(hears.of('resync_required')[0], { version: 3, reason: 'gap' });
});

test('a direct conversation of which only a receipt was heard has no hole before its next message', async (t) => {
  const { chat, client, metrics } = await world(t);
  const [hears] = await recorders(await client('alice'));
  const key = directKey('alice', 'bob');
  chat.burst([{ key, events: [told('messages_read', null, 0)] }]);
  chat.burst([{ key, events: [told('new_message', 7, 0)] }]);
  await hears.until((all) => all.names.includes('new_message 7'));
  t.deepEqual(hears.names, ['messages_read', 'new_message 7']);
  t.is(metrics.gaps, 0);
});
