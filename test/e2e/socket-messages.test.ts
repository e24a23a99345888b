/** Every message event of a socket: with an ack and without, over WebSocket and long polling alike. */
import test from 'ava';
import type { ChatClient } from '../harness/client.js';
import { checkStream } from '../harness/laws.js';
import { stageFor, unique } from '../harness/stage.js';
import type { WireError, WireMessage } from '../harness/wire.js';

const stage = stageFor(test);
const absent = '0190c000-0000-7000-8000-000000000000';

for (const transport of ['websocket', 'polling'] as const) {
  const pair = async (room: string): Promise<[ChatClient, ChatClient]> => [
    await stage.member(unique('ann'), room, { transports: [transport] }),
    await stage.member(unique('bob'), room, { transports: [transport] }),
  ];

  test(`${transport}: send_message acks the message and everyone in the room hears it, the sender too`, async (t) => {
    const room = unique('room');
    const [ann, bob] = await pair(room);
    const ack = await ann.ask('send_message', {
      room_id: room,
      content: 'with ack',
      metadata: { a: ['"', '\\', '\u2029'] },
    });
    t.true(ack.success);
    t.like(ack.message, {
      content: 'with ack',
      seq: 1,
      room_id: room,
      sender_id: ann.userId,
      metadata: { a: ['"', '\\', '\u2029'] },
    });
    t.deepEqual(await bob.message(ack.message?.id ?? ''), ack.message);
    t.deepEqual(await ann.message(ack.message?.id ?? ''), ack.message);
    ann.tell('send_message', { room_id: room, text: 'text for content' });
    const { data } = await bob.wait('new_message', (message: WireMessage) => message.seq === 2);
    t.is((data as WireMessage).content, 'text for content');
  });

  test(`${transport}: edit_message and delete_message are told to the room and acked`, async (t) => {
    const room = unique('room');
    const [ann, bob] = await pair(room);
    const { id } = await ann.send(room, 'before');
    const edit = await ann.ask('edit_message', { messageId: id, roomId: room, content: 'after' });
    t.like(edit, { success: true });
    t.like((await bob.wait('message_edited')).data, { id, content: 'after', version: 2, seq: 1 });
    const deleted = await ann.ask('delete_message', { messageId: id });
    t.like(deleted, { success: true, messageId: id });
    t.deepEqual((await bob.wait('message_deleted')).data, { messageId: id, roomId: room, seq: 1, version: 3 });
    t.deepEqual(checkStream(bob.heard), []);
  });

  test(`${transport}: mark_read tells the others, and all sockets of the reader`, async (t) => {
    const room = unique('room');
    const [ann, bob] = await pair(room);
    const phone = await stage.member(bob.userId, room, { transports: [transport] });
    const ids = [(await ann.send(room, 'one')).id, (await ann.send(room, 'two')).id];
    t.like(await bob.ask('mark_read', { messageIds: ids, roomId: room }), { success: true, upTo: 2 });
    t.like((await ann.wait('messages_read')).data, { userId: bob.userId, roomId: room, upTo: 2 });
    for (const own of [bob, phone]) {
      const { data } = await own.wait('marked_read');
      t.like(data, { roomId: room, upTo: 2 });
      t.deepEqual([...(data as { messageIds: string[] }).messageIds].sort(), [...ids].sort());
    }
    await bob.barrier();
    t.deepEqual(bob.all('messages_read'), []);
  });

  test(`${transport}: mark_delivered likewise`, async (t) => {
    const room = unique('room');
    const [ann, bob] = await pair(room);
    const { id } = await ann.send(room, 'one');
    bob.tell('mark_delivered', { messageIds: [id], roomId: room });
    t.like((await ann.wait('messages_delivered')).data, {
      userId: bob.userId,
      roomId: room,
      upTo: 1,
      messageIds: [id],
    });
    t.like((await bob.wait('marked_delivered')).data, { roomId: room, upTo: 1 });
    t.like((await stage.rest('ann').history(room)).messages[0], { delivered_count: 1, read_count: 0 });
  });

  test(`${transport}: get_messages acks a page like REST`, async (t) => {
    const room = unique('room');
    const [ann, bob] = await pair(room);
    for (let at = 1; at <= 5; at += 1) await ann.send(room, `m${at}`);
    const page = await bob.ask('get_messages', { roomId: room, limit: 2, before: 4 });
    t.like(page, { success: true });
    t.deepEqual(
      page.data?.map(({ seq }) => seq),
      [2, 3],
    );
    t.is(page.pagination?.total, 5);
    const rest = await stage.rest('bob').get<WireMessage[]>(`/messages/room/${room}?limit=2&before=4`);
    t.deepEqual(page.data, rest.body.data);
    t.deepEqual(page.pagination, rest.body.pagination);
  });

  test(`${transport}: a burst from many sockets arrives whole and in one order everywhere`, async (t) => {
    const room = unique('room');
    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, at) => stage.member(`u${at}`, room, { transports: [transport] })),
    );
    await Promise.all(
      clients.flatMap((client) => Array.from({ length: 20 }, (_, at) => client.send(room, `${client.userId} ${at}`))),
    );
    const orders = await Promise.all(
      clients.map(async (client) => {
        await client.wait('new_message', (message: WireMessage) => message.seq === 120);
        t.deepEqual(checkStream(client.heard), []);
        return client.all('new_message').map((message) => (message as WireMessage).id);
      }),
    );
    for (const order of orders) t.deepEqual(order.slice(-100), orders[0]?.slice(-100));
    // Each sender's own lines keep their order.
    const mine = (clients[0]?.all('new_message') as WireMessage[]).filter((message) => message.sender_id === 'u3');
    t.deepEqual(
      mine.map(({ content }) => content),
      Array.from({ length: 20 }, (_, at) => `u3 ${at}`),
    );
  });
}

const bad: readonly (readonly [event: string, data: unknown, code: string])[] = [
  ['send_message', { room_id: 'r' }, 'VALIDATION'],
  ['send_message', { content: 'x' }, 'VALIDATION'],
  ['send_message', { room_id: 'r', receiver_id: 'u', content: 'x' }, 'VALIDATION'],
  ['send_message', { room_id: 'r', content: 'x', reply_to: absent }, 'NOT_FOUND'],
  ['join_room', {}, 'VALIDATION'],
  ['join_room', { roomId: 'r', since: -1 }, 'VALIDATION'],
  ['join_room', { roomId: 'r', since: 'x' }, 'VALIDATION'],
  ['leave_room', { roomId: 7 }, 'VALIDATION'],
  ['typing', {}, 'VALIDATION'],
  ['stop_typing', null, 'VALIDATION'],
  ['get_typing_users', [], 'VALIDATION'],
  ['mark_read', { roomId: 'r' }, 'VALIDATION'],
  ['mark_read', { messageIds: [absent], roomId: 'r' }, 'NOT_FOUND'],
  ['mark_delivered', { messageIds: [7], roomId: 'r' }, 'VALIDATION'],
  ['delete_message', { messageId: absent }, 'NOT_FOUND'],
  ['delete_message', { messageId: absent, roomId: 'r' }, 'NOT_FOUND'],
  ['delete_message', {}, 'VALIDATION'],
  ['edit_message', { messageId: absent, content: 'x' }, 'NOT_FOUND'],
  ['edit_message', { messageId: absent }, 'VALIDATION'],
  ['get_messages', { roomId: 'r', limit: 0 }, 'VALIDATION'],
  ['no_such_event', { a: 1 }, 'VALIDATION'],
];
for (const [event, data, code] of bad)
  test(`${event} of ${JSON.stringify(data)} is refused as ${code}, by ack or by error`, async (t) => {
    const client = await stage.client(unique('bad'));
    const ack = await client.ask(event, data);
    t.like(ack, { success: false, code, retryable: false });
    t.is(typeof ack.error, 'string');
    t.deepEqual(client.all('error'), [], 'a refusal with an ack is not told twice');
    client.tell(event, data);
    const { data: told } = await client.wait('error', (error: WireError) => error.event === event);
    t.like(told, { code, event });
  });

test('only the sender edits and deletes', async (t) => {
  const room = unique('room');
  const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
  const { id } = await ann.send(room, 'mine');
  t.like(await bob.ask('edit_message', { messageId: id, content: 'x' }), { success: false, code: 'FORBIDDEN' });
  t.like(await bob.ask('delete_message', { messageId: id, roomId: room }), { success: false, code: 'FORBIDDEN' });
  t.is((await stage.rest('ann').history(room)).messages[0]?.content, 'mine');
});

test('a sender who is not in the room may send to an open room, and does not hear it', async (t) => {
  const room = unique('room');
  const bob = await stage.member('bob', room);
  const ann = await stage.client('ann');
  const { id } = await ann.send(room, 'from outside');
  await bob.message(id);
  await ann.barrier();
  t.deepEqual(ann.all('new_message'), []);
});

test('REST and sockets write the same stream', async (t) => {
  const room = unique('room');
  const bob = await stage.member('bob', room);
  await Promise.all([
    ...Array.from({ length: 10 }, (_, at) =>
      stage.rest('ann').post('/messages', { room_id: room, content: `rest ${at}` }),
    ),
    ...Array.from({ length: 10 }, (_, at) => bob.send(room, `socket ${at}`)),
  ]);
  await bob.wait('new_message', (message: WireMessage) => message.seq === 20);
  t.deepEqual(checkStream(bob.heard), []);
  t.is((await stage.rest('bob').history(room)).total, 20);
});
