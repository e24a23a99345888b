/** Commands of other services: applied once however often they come, and nothing bad in them harms anybody. */
import anyTest from 'ava';
import { eventually, within } from '../harness/eventually.js';
import { metricOf } from '../harness/metrics.js';
import { openChatRooms } from '../harness/neighbour.js';
import { Stage, unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';
import { hasBroker, Listener } from './support/listener.js';

const test = hasBroker ? anyTest.serial : anyTest.serial.skip;
const stage = new Stage();
const members = new Map<string, readonly string[]>();
let listener: Listener;

anyTest.before(async () => {
  if (!hasBroker) return;
  listener = await Listener.open();
  const chatRooms = await openChatRooms(members);
  await stage.open({
    ...listener.env(),
    CHAT_ROOM_SERVICE_URL: chatRooms.url,
    // Whatever is known of members stays known: only a removal may end it.
    NEIGHBOUR_CACHE_TTL_MS: '600000',
  });
  stage.defer(() => chatRooms.close());
  await stage.service.output.waitFor('the broker', ({ msg }) => msg === 'connected to the broker');
});
anyTest.after.always(async () => {
  await stage.strike();
  if (hasBroker) await listener.close();
});

function roomOf(...users: string[]): string {
  const room = unique('inbound');
  members.set(room, users);
  return room;
}

function inbound(result: string): Promise<number> {
  return metricOf(stage.url, `inbound_total{result="${result}"}`);
}

test('receipts and deletes are applied, and repeating them changes nothing', async (t) => {
  const room = roomOf('ann', 'bob');
  const ann = await stage.member('ann', room);
  const one = await ann.send(room, 'one');
  const two = await ann.send(room, 'two');
  const before = await inbound('applied');

  for (let n = 0; n < 3; n++)
    await listener.tell('message.broadcast.read', { messageIds: [one.id], userId: 'bob', roomId: room, timestamp: '' });
  await ann.wait('messages_read', (data: { userId: string }) => data.userId === 'bob');
  await listener.tell('message.broadcast.delivered', { messageIds: [two.id], userId: 'bob', roomId: null });
  await ann.wait('messages_delivered', (data: { upTo: number }) => data.upTo === 2);
  for (let n = 0; n < 3; n++)
    await listener.tell('message.broadcast.deleted', { messageId: one.id, userId: 'ann', roomId: room });
  await ann.wait('message_deleted', (data: { messageId: string }) => data.messageId === one.id);
  await listener.tell('message.broadcast.deleted', { messageId: two.id, userId: 'bob', roomId: room });
  await listener.tell('message.broadcast.deleted', { messageId: two.id, userId: 'ann' });
  await ann.wait('message_deleted', (data: { messageId: string }) => data.messageId === two.id);
  await ann.barrier();
  t.is(ann.all('messages_read').length, 1);
  t.is(ann.all('message_deleted').length, 2, 'the sender’s own deletes alone, each once');
  t.is((await inbound('applied')) - before, 8);
  t.is(await inbound('refused'), 1, 'a delete by somebody else');
});

test('what is no command goes to the dead letters with its reason, and those behind it are served', async (t) => {
  const room = roomOf('cat');
  const cat = await stage.member('cat', room);
  const message = await cat.send(room, 'here');
  const bad: [key: string, body: unknown][] = [
    ['message.broadcast.read', Buffer.from('{nonsense')],
    ['message.broadcast.read', Buffer.from([0xff, 0xfe, 0x7b])],
    ['message.broadcast.read', [1, 2]],
    ['message.broadcast.read', Buffer.from('['.repeat(60_000))],
    ['message.broadcast.read', { messageIds: 'all', userId: 'x', roomId: room }],
    ['message.broadcast.read', { messageIds: [message.id], roomId: room }],
    ['message.broadcast.delivered', { messageIds: Array.from({ length: 1_001 }, () => message.id), userId: 'x' }],
    ['message.broadcast.deleted', { messageId: { $ne: null }, userId: 'cat', roomId: room }],
    ['message.broadcast.deleted', Buffer.from(`{"messageId":"${'x'.repeat(70_000)}"}`)],
    ['message.broadcast.member_removed', { roomId: room }],
    ['message.broadcast.member_removed', { roomId: '\u001fa\u001fb', userId: 'cat' }],
    ['message.broadcast.room_deleted', { roomId: ['x'] }],
    ['message.broadcast.room_deleted.now', { roomId: room }],
    ['message.broadcast.unheard_of', { roomId: room, userId: 'cat' }],
  ];
  for (const [key, body] of bad) await listener.tell(key, body);
  await listener.tell('message.broadcast.deleted', { messageId: message.id, userId: 'cat', roomId: room });
  await cat.wait('message_deleted');
  const dead = await listener.deadLetters(bad.length);
  t.deepEqual(
    dead.map(({ reason }) => reason).sort(),
    [
      'messageId is no id',
      'messageIds are no ids',
      'messageIds are no ids',
      'not a JSON object',
      'not a JSON object',
      'not a JSON object',
      'not a JSON object',
      'oversized',
      'roomId is no id',
      'roomId is no id',
      'roomId or userId is missing',
      'unknown routing key',
      'unknown routing key',
      'userId is missing',
    ].sort(),
  );
  t.true(dead.some(({ content }) => content === '{nonsense'));
  const lines = stage.service.output.lines.filter(({ msg }) => msg === 'an inbound message went to the dead letters');
  t.is(lines.length, bad.length);
});

test('a member removed under traffic gets nothing that is sequenced after the removal, and may not come back', async (t) => {
  const room = roomOf('dan', 'eve', 'fay');
  const [dan, eve] = [await stage.member('dan', room), await stage.member('eve', room)];
  const [fay, alsoFay] = [await stage.member('fay', room), await stage.member('fay', room)];
  let running = true;
  const traffic = (async () => {
    const sends: Promise<WireMessage>[] = [];
    while (running) {
      const some = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? dan : eve).send(room, `${n}`));
      sends.push(...some);
      await Promise.all(some);
    }
    return Promise.all(sends);
  })();
  // Joins that were let in before the removal was heard of may come behind it.
  const joins = (async () => {
    while (running) await fay.ask('join_room', { roomId: room });
  })();
  await within(
    eve.wait('new_message', (message: WireMessage) => message.seq > 100),
    'traffic',
  );
  members.set(room, ['dan', 'eve']);
  await listener.tell('message.broadcast.member_removed', { roomId: room, userId: 'fay' });
  for (const one of [fay, alsoFay]) {
    const { data } = await one.wait('room_left');
    t.deepEqual(data, { roomId: room, success: true, reason: 'removed' });
  }
  const stayed = eve.heard.length;
  await eve.wait('new_message', () => true, stayed);
  running = false;
  const sent = await traffic;
  await joins;
  for (const one of [fay, alsoFay, eve, dan]) await one.barrier();

  const inspector = await stage.inspector();
  const [removal] = await inspector.rows<{ version: string }>('select version from room_removals where room_key = $1', [
    room,
  ]);
  const place = Number(removal?.version);
  for (const one of [fay, alsoFay]) {
    const left = one.heard.findIndex(({ event }) => event === 'room_left');
    const versions = one.all('new_message').map((message) => (message as WireMessage).version);
    t.true(
      versions.every((version) => version < place),
      'nothing sequenced after the removal',
    );
    t.true(versions.includes(place - 1), 'everything before it');
    const later = one.heard.slice(left + 1).filter(({ event }) => !['room_left', 'error'].includes(event));
    t.deepEqual(later, [], 'room_left is the last that is heard of the room');
  }
  const heard = eve.all('new_message').map((message) => (message as WireMessage).seq);
  t.deepEqual(
    heard,
    Array.from({ length: sent.length }, (_, i) => i + 1),
    'the others miss nothing',
  );
  await eve.wait('user_left', (data: { userId: string }) => data.userId === 'fay');

  t.like(await fay.ask('join_room', { roomId: room }), { success: false, code: 'NOT_FOUND' });
  t.like(await fay.ask('send_message', { room_id: room, content: 'x' }), { success: false, code: 'NOT_FOUND' });
  t.is((await stage.rest('fay').get(`/messages/room/${room}`)).status, 404);

  members.set(room, ['dan', 'eve', 'fay']);
  // A refusal is remembered for a second.
  await eventually(async () => (await fay.ask('join_room', { roomId: room })).success, 'fay is let in again');
  const back = await eve.send(room, 'welcome back');
  t.is((await fay.message(back.id)).content, 'welcome back');
  t.is((await fay.send(room, 'thanks')).seq, back.seq + 1);
});

test('a deleted room is left by everybody', async (t) => {
  const room = roomOf('gil', 'hal');
  const [gil, hal] = [await stage.member('gil', room), await stage.member('hal', room)];
  await gil.send(room, 'last words');
  members.delete(room);
  await listener.tell('message.broadcast.room_deleted', { roomId: room });
  for (const one of [gil, hal]) {
    const { data } = await one.wait('room_left');
    t.deepEqual(data, { roomId: room, success: true, reason: 'room_deleted' });
    t.like(await one.ask('join_room', { roomId: room }), { success: false, code: 'NOT_FOUND' });
  }
  t.is((await stage.rest('gil').get(`/messages/room/${room}`)).status, 404);
});

test('commands wait for a database that is away, and are then applied', async (t) => {
  const room = roomOf('ivy', 'jon');
  const ivy = await stage.member('ivy', room);
  const message = await ivy.send(room, 'hello');
  const inspector = await stage.inspector();
  const release = await inspector.holdWrites();
  const sending = ivy.send(room, 'held');
  await inspector.blocked();
  await listener.tell('message.broadcast.member_removed', { roomId: room, userId: 'jon' });
  await listener.tell('message.broadcast.deleted', { messageId: message.id, userId: 'ivy', roomId: room });
  await release();
  await sending;
  await ivy.wait('message_deleted', (data: { messageId: string }) => data.messageId === message.id);
  const rows = await inspector.rows('select 1 from room_removals where room_key = $1', [room]);
  t.is(rows.length, 1);
});
