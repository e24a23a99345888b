/** Joining, leaving, typing: who is told what, with several devices and with sockets that just go. */
import test from 'ava';
import { ownStage, stageFor, unique } from '../harness/stage.js';

const stage = stageFor(test, { TYPING_TTL_MS: '600000', ROOM_RECENT_MESSAGES: '5' });

test('join_room answers room_joined with the recent messages, oldest first, the head, and unread', async (t) => {
  const room = unique('room');
  const writer = await stage.member('wri', room);
  for (let at = 1; at <= 7; at += 1) await writer.send(room, `m${at}`);
  const client = await stage.client('new');
  const ack = await client.ask('join_room', { roomId: room });
  t.true(ack.success);
  const { data } = await client.wait('room_joined');
  t.like(data, { roomId: room, success: true, seq: 7, version: 7, unread: 7 });
  t.deepEqual(
    (data as { messages: { seq: number }[] }).messages.map(({ seq }) => seq),
    [3, 4, 5, 6, 7],
  );
  t.is((await writer.join(room)).unread, 0);
});

test('others hear user_joined with the first socket of a user and user_left with the last, the user does not', async (t) => {
  const room = unique('room');
  const watcher = await stage.member('wat', room);
  const userId = unique('dev');
  const phone = await stage.member(userId, room);
  const laptop = await stage.member(userId, room);
  await phone.join(room);
  await watcher.barrier();
  t.deepEqual(watcher.all('user_joined'), [{ userId, roomId: room }]);
  phone.tell('leave_room', { roomId: room });
  t.deepEqual((await phone.wait('room_left')).data, { roomId: room, success: true });
  await watcher.barrier();
  t.deepEqual(watcher.all('user_left'), []);
  t.like(await laptop.ask('leave_room', { roomId: room }), { success: true });
  await watcher.wait('user_left');
  t.deepEqual(watcher.all('user_left'), [{ userId, roomId: room }]);
  t.deepEqual([...phone.all('user_joined'), ...phone.all('user_left'), ...laptop.all('user_left')], []);
});

test('a disconnect is a leave of every room', async (t) => {
  const [one, two] = [unique('room'), unique('room')];
  const watcher = await stage.member('wat2', one);
  await watcher.join(two);
  const client = await stage.member('gone', one);
  await client.join(two);
  client.close();
  const left = (room: string) => watcher.wait('user_left', (data: { roomId: string }) => data.roomId === room);
  await Promise.all([left(one), left(two)]);
  t.is(watcher.all('user_left').length, 2);
});

test('who left hears nothing of the room any more, and leaving a room one is not in is no error', async (t) => {
  const room = unique('room');
  const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
  await bob.ask('leave_room', { roomId: room });
  const from = bob.heard.length;
  await ann.send(room, 'unheard');
  await bob.barrier();
  t.deepEqual(bob.heard.slice(from), []);
  t.like(await bob.ask('leave_room', { roomId: unique('never') }), { success: true });
});

test('user_typing goes to the others, once within the quiet time', async (t) => {
  const room = unique('room');
  const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
  // At once, so that they are within the quiet time on any machine.
  const acks = await Promise.all([1, 2, 3].map(() => ann.ask('typing', { roomId: room })));
  for (const ack of acks) t.like(ack, { success: true });
  t.deepEqual((await bob.wait('user_typing')).data, { userId: 'ann', roomId: room });
  t.deepEqual((await bob.ask('get_typing_users', { roomId: room })).typingUsers, ['ann']);
  t.is(bob.all('user_typing').length, 1, 'repeated typing is not told again');
  await ann.barrier();
  t.deepEqual(ann.all('user_typing'), []);
});

test('typing ends by itself after TYPING_TTL_MS', async (t) => {
  const own = await ownStage(t, { TYPING_TTL_MS: '300' });
  const room = unique('room');
  const [ann, bob] = [await own.member('ann', room), await own.member('bob', room)];
  ann.tell('typing', { roomId: room });
  t.deepEqual((await bob.wait('user_typing')).data, { userId: 'ann', roomId: room });
  t.deepEqual((await bob.wait('user_stopped_typing')).data, { userId: 'ann', roomId: room });
  t.deepEqual((await bob.ask('get_typing_users', { roomId: room })).typingUsers, []);
});

test('get_typing_users without an ack answers the event typing_users', async (t) => {
  const room = unique('room');
  const bob = await stage.member('bob', room);
  bob.tell('get_typing_users', { roomId: room });
  t.deepEqual((await bob.wait('typing_users')).data, { roomId: room, typingUsers: [] });
});

const ends: Readonly<Record<string, (client: Awaited<ReturnType<typeof stage.member>>, room: string) => unknown>> = {
  stop_typing: (client, room) => client.ask('stop_typing', { roomId: room }),
  'a message': (client, room) => client.send(room, 'said'),
  leaving: (client, room) => client.ask('leave_room', { roomId: room }),
  'a disconnect': (client) => {
    client.close();
  },
};
for (const [name, end] of Object.entries(ends))
  test(`typing ends at once with ${name}`, async (t) => {
    const room = unique('room');
    const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
    await ann.ask('typing', { roomId: room });
    await bob.wait('user_typing');
    await end(ann, room);
    t.deepEqual((await bob.wait('user_stopped_typing')).data, { userId: 'ann', roomId: room });
    t.deepEqual((await bob.ask('get_typing_users', { roomId: room })).typingUsers, []);
  });

test('one socket may be in ROOMS_PER_SOCKET rooms at once', async (t) => {
  const own = stage;
  const client = await own.client('lim');
  const acks = [];
  for (let at = 0; at < 501; at += 1) acks.push(client.ask('join_room', { roomId: `lim-${at}` }));
  const answers = await Promise.all(acks);
  t.is(answers.filter(({ success }) => success).length, 500);
  t.is(answers.filter(({ success }) => !success).length, 1);
  await client.ask('leave_room', { roomId: 'lim-0' });
  t.true((await client.ask('join_room', { roomId: 'lim-again' })).success);
});
