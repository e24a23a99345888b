/** Direct conversations: keyed by both users, heard by all their sockets and by nobody else. */
import test from 'ava';
import { checkStream } from '../harness/laws.js';
import { stageFor, unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';

const stage = stageFor(test);

test('a direct message reaches all sockets of both users without a join, and nobody else', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const [annOne, annTwo, bobOne] = [await stage.client(ann), await stage.client(ann), await stage.client(bob)];
  const eve = await stage.client(unique('eve'));
  const ack = await annOne.ask('send_message', { receiver_id: bob, content: 'psst' });
  t.like(ack.message, { room_id: null, receiver_id: bob, sender_id: ann, seq: 1 });
  for (const client of [annOne, annTwo, bobOne]) t.deepEqual(await client.message(ack.message?.id ?? ''), ack.message);
  const answer = await bobOne.ask('send_message', { receiver_id: ann, content: 'yes?' });
  t.like(answer.message, { receiver_id: ann, sender_id: bob, seq: 2 });
  await annTwo.message(answer.message?.id ?? '');
  await eve.barrier();
  t.deepEqual(eve.all('new_message'), []);
  for (const client of [annOne, annTwo, bobOne]) t.deepEqual(checkStream(client.heard), []);
});

test('both users see the same conversation over REST, and it is not a room', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  await stage.rest(ann).post('/messages', { receiver_id: bob, content: 'one' });
  await stage.rest(bob).post('/messages', { receiver_id: ann, content: 'two' });
  const page = async (caller: string, other: string) =>
    (await stage.rest(caller).get<WireMessage[]>(`/messages/direct/${other}?limit=10`)).body;
  const [mine, theirs] = [await page(ann, bob), await page(bob, ann)];
  t.deepEqual(
    mine.data?.map(({ content }) => content),
    ['one', 'two'],
  );
  t.deepEqual(mine.data, theirs.data);
  t.is(mine.pagination?.total, 2);
  t.is((await page(unique('eve'), ann)).pagination?.total, 0);
  for (const name of [`dm-${ann}-${bob}`, `${ann}-${bob}`, `${ann}:${bob}`, bob, ann])
    t.is((await stage.rest(ann).history(name)).total, 0, name);
});

test('a-b with c and a with b-c are two conversations', async (t) => {
  const run = unique('u');
  const [ab, c, a, bc] = [`${run}a-b`, 'c', `${run}a`, 'b-c'];
  const listeners = await Promise.all([ab, c, a, bc].map((userId) => stage.client(userId)));
  const first = await stage.rest(ab).post('/messages', { receiver_id: c, content: 'ab to c' });
  const second = await stage.rest(a).post('/messages', { receiver_id: bc, content: 'a to bc' });
  t.is(first.body.data?.seq, 1);
  t.is(second.body.data?.seq, 1);
  await Promise.all([
    listeners[1]?.message(first.body.data?.id ?? ''),
    listeners[3]?.message(second.body.data?.id ?? ''),
  ]);
  await Promise.all(listeners.map((listener) => listener.barrier()));
  const heard = listeners.map((listener) =>
    listener.all('new_message').map((message) => (message as WireMessage).content),
  );
  t.deepEqual(heard, [['ab to c'], ['ab to c'], ['a to bc'], ['a to bc']]);
});

test('no room id names a direct conversation, however it is written', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const eve = await stage.client(unique('eve'));
  await stage.rest(ann).post('/messages', { receiver_id: bob, content: 'psst' });
  for (const roomId of [`\u001f${ann}\u001f${bob}`, `\u001f${bob}\u001f${ann}`]) {
    t.like(await eve.ask('join_room', { roomId }), { success: false, code: 'VALIDATION' });
    t.like(await eve.ask('get_messages', { roomId }), { success: false, code: 'VALIDATION' });
    t.like(await eve.ask('send_message', { room_id: roomId, content: 'x' }), { success: false, code: 'VALIDATION' });
    t.is((await stage.rest(eve.userId).get(`/messages/room/${encodeURIComponent(roomId)}`)).status, 400);
  }
});

test('notes to oneself work', async (t) => {
  const ann = unique('ann');
  const client = await stage.client(ann);
  const ack = await client.ask('send_message', { receiver_id: ann, content: 'remember' });
  t.like(ack.message, { seq: 1, receiver_id: ann, sender_id: ann });
  await client.message(ack.message?.id ?? '');
  await client.barrier();
  t.is(client.all('new_message').length, 1, 'heard once, not twice');
  t.is((await stage.rest(ann).get<WireMessage[]>(`/messages/direct/${ann}`)).body.data?.length, 1);
});

test('edits and deletions of a direct message reach both users; a third user finds it absent', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const [sender, other, eve] = [await stage.client(ann), await stage.client(bob), await stage.client(unique('eve'))];
  const id = (await sender.ask('send_message', { receiver_id: bob, content: 'x' })).message?.id ?? '';
  for (const [event, data] of [
    ['edit_message', { messageId: id, content: 'y' }],
    ['delete_message', { messageId: id }],
    ['mark_read', { messageIds: [id] }],
    ['mark_delivered', { messageIds: [id] }],
  ] as const)
    t.like(await eve.ask(event, data), { success: false, code: 'NOT_FOUND' }, event);
  t.like(await sender.ask('edit_message', { messageId: id, content: 'y' }), { success: true });
  t.like((await other.wait('message_edited')).data, { id, content: 'y' });
  t.like(await sender.ask('delete_message', { messageId: id }), { success: true });
  t.like((await other.wait('message_deleted')).data, { messageId: id, roomId: null, version: 3 });
  await eve.barrier();
  t.deepEqual(
    eve.heard.map(({ event }) => event),
    ['authenticated'],
  );
});

test('client_msg_id is the sender’s own: both users may use the same one', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const send = async (from: string, to: string) =>
    (await stage.rest(from).post('/messages', { receiver_id: to, content: from, client_msg_id: 'same' })).body.data;
  const [one, two, again] = [await send(ann, bob), await send(bob, ann), await send(ann, bob)];
  t.is(one?.seq, 1);
  t.is(two?.seq, 2);
  t.is(again?.id, one?.id);
});
