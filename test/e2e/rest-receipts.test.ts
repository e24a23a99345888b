/** Receipts and unread counts over REST on the real process. */
import test from 'ava';
import { stageFor, unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';

const stage = stageFor(test);

async function filled(room: string, count: number, sender = 'ann'): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 1; at <= count; at += 1)
    ids.push((await stage.rest(sender).post('/messages', { room_id: room, content: `m${at}` })).body.data?.id ?? '');
  return ids;
}

async function unread(userId: string, room: string): Promise<number | undefined> {
  const answer = await stage.rest(userId).get<{ count: number }>(`/messages/unread/${room}`);
  return answer.status === 200 ? answer.body.data?.count : undefined;
}

test('PUT /messages/read answers the messages newly covered and resets unread up to the highest', async (t) => {
  const room = unique('room');
  const ids = await filled(room, 5);
  t.is(await unread('bob', room), 5);
  t.is(await unread('ann', room), 0, 'the own messages are not unread');
  const read = await stage.rest('bob').put('/messages/read', { messageIds: [ids[2]], roomId: room });
  t.is(read.status, 200);
  t.deepEqual(
    read.body.data?.map(({ seq }) => seq),
    [1, 2, 3],
  );
  t.true(read.body.data?.every((message) => message.is_read && message.read_count === 1 && message.is_delivered));
  t.is(await unread('bob', room), 2);
  const again = await stage.rest('bob').put('/messages/read', { messageIds: [ids[0]] });
  t.is(again.status, 200);
  t.deepEqual(again.body.data, []);
  t.is(await unread('bob', room), 2, 'a lower mark changes nothing');
});

test('PUT /messages/delivered counts each other user once and leaves unread as it is', async (t) => {
  const room = unique('room');
  const ids = await filled(room, 2);
  for (const userId of ['bob', 'bob', 'cid', 'ann']) {
    const answer = await stage.rest(userId).put('/messages/delivered', { messageIds: ids });
    t.is(answer.status, 200);
  }
  const { messages } = await stage.rest('ann').history(room);
  t.deepEqual(
    messages.map((message) => message.delivered_count),
    [2, 2],
  );
  t.true(messages.every((message) => message.is_delivered && !message.is_read));
  t.is(await unread('bob', room), 2);
});

test('receipts are told to the room: messages_read to others, marked_read to the reader', async (t) => {
  const room = unique('room');
  const ids = await filled(room, 3);
  const [reader, other] = [await stage.member('rea', room), await stage.member('oth', room)];
  await stage.rest('rea').put('/messages/read', { messageIds: ids, roomId: room });
  const { data } = await other.wait('messages_read');
  t.like(data, { userId: 'rea', roomId: room, upTo: 3 });
  t.deepEqual([...(data as { messageIds: string[] }).messageIds].sort(), [...ids].sort());
  await reader.barrier();
  t.deepEqual(reader.all('messages_read'), []);
});

test('receipts over several rooms at once cover each of them', async (t) => {
  const [one, two] = [unique('room'), unique('room')];
  const ids = [...(await filled(one, 2)), ...(await filled(two, 3))];
  const read = await stage.rest('bob').put('/messages/read', { messageIds: ids });
  t.is(read.status, 200);
  t.is(read.body.data?.length, 5);
  t.is(await unread('bob', one), 0);
  t.is(await unread('bob', two), 0);
});

test('with roomId only ids of that room count; ids of none are as if absent', async (t) => {
  const [one, two] = [unique('room'), unique('room')];
  const [first] = await filled(one, 1);
  const [second] = await filled(two, 1);
  const read = await stage.rest('bob').put('/messages/read', { messageIds: [first, second], roomId: one });
  t.deepEqual(
    read.body.data?.map(({ id }) => id),
    [first],
  );
  t.is(await unread('bob', two), 1);
  for (const body of [
    { messageIds: [second], roomId: one },
    { messageIds: ['0190c000-0000-7000-8000-000000000000'] },
    { messageIds: ['none'] },
  ]) {
    const answer = await stage.rest('bob').put('/messages/read', body);
    t.is(answer.status, 404, JSON.stringify(body));
    t.is(answer.body.code, 'NOT_FOUND');
  }
});

test('receipts without ids, with too many, or with ids of a wrong type are refused', async (t) => {
  const bodies = [
    {},
    { messageIds: [] },
    { messageIds: 'x' },
    { messageIds: [1] },
    { messageIds: Array.from({ length: 1001 }, () => 'x') },
    { messageIds: null },
  ];
  for (const route of ['read', 'delivered'])
    for (const body of bodies) {
      const answer = await stage.rest('bob').put(`/messages/${route}`, body);
      t.is(answer.status, 400, JSON.stringify(body).slice(0, 60));
      t.is(answer.body.code, 'VALIDATION');
    }
});

test('deleted messages are not unread', async (t) => {
  const room = unique('room');
  const ids = await filled(room, 3);
  await stage.rest('ann').delete(`/messages/${ids[1] ?? ''}`);
  t.is(await unread('bob', room), 2);
  await stage.rest('bob').put('/messages/read', { messageIds: [ids[0]], roomId: room });
  t.is(await unread('bob', room), 1);
});

test('receipts of a direct conversation go to the other user', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  const sender = await stage.client(ann);
  const sent = await stage.rest(ann).post('/messages', { receiver_id: bob, content: 'x' });
  const read = await stage.rest(bob).put('/messages/read', { messageIds: [sent.body.data?.id] });
  t.is(read.status, 200);
  t.is(read.body.data?.length, 1);
  const { data } = await sender.wait('messages_read');
  t.like(data, { userId: bob, roomId: null, upTo: 1 });
  const page = await stage.rest(ann).get<WireMessage[]>(`/messages/direct/${bob}`);
  t.like(page.body.data?.[0], { is_read: true, read_count: 1 });
});
