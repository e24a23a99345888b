/**
 * Law 10: nobody receives or reads anything of a room in which they are not allowed, and its ids answer as if absent. The
 * members come from a Chat Room Service of the test, over HTTP.
 */
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../harness/eventually.js';
import { openChatRooms, type Neighbour } from '../harness/neighbour.js';
import { RestClient } from '../harness/rest.js';
import { ownStage, Stage, unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';

const stage = new Stage();
const members = new Map<string, readonly string[]>();
const secret = 'word-that-only-members-know';
test.before(async () => {
  const neighbour = await openChatRooms(members);
  stage.defer(() => neighbour.close());
  await stage.open({ CHAT_ROOM_SERVICE_URL: neighbour.url });
});
test.after.always(() => stage.strike());

/** A room of ann and bob with one message; nobody else is a member. */
async function closedRoom(): Promise<{ room: string; id: string }> {
  const room = unique('closed');
  members.set(room, ['ann', 'bob']);
  const sent = await stage.rest('ann').post('/messages', { room_id: room, content: secret });
  return { room, id: sent.body.data?.id ?? '' };
}

/** A room of eve's own, so that she has somewhere to answer from. */
async function ownRoom(): Promise<string> {
  const room = unique('eves');
  members.set(room, ['eve']);
  return room;
}

function sameRefusal(t: ExecutionContext, name: string, one: unknown, absent: unknown): void {
  t.deepEqual(one, absent, `${name}: a closed room answers otherwise than an absent one`);
  t.false(JSON.stringify(one).includes(secret), name);
}

test('law 10: every socket event with ids of a closed room answers exactly like one with absent ids', async (t) => {
  const { room, id } = await closedRoom();
  const eve = await stage.client('eve');
  const mine = await ownRoom();
  const absentRoom = unique('absent');
  const absentId = '0190c000-0000-7000-8000-000000000000';
  const calls: readonly (readonly [event: string, data: (room: string, id: string) => unknown])[] = [
    ['join_room', (roomId) => ({ roomId })],
    ['join_room', (roomId) => ({ roomId, since: 0 })],
    ['send_message', (room_id) => ({ room_id, content: 'x' })],
    ['send_message', (_, reply_to) => ({ room_id: mine, content: 'x', reply_to })],
    ['typing', (roomId) => ({ roomId })],
    ['stop_typing', (roomId) => ({ roomId })],
    ['get_typing_users', (roomId) => ({ roomId })],
    ['mark_read', (roomId, messageId) => ({ roomId, messageIds: [messageId] })],
    ['mark_read', (_, messageId) => ({ messageIds: [messageId] })],
    ['mark_read', (_, messageId) => ({ roomId: mine, messageIds: [messageId] })],
    ['mark_delivered', (roomId, messageId) => ({ roomId, messageIds: [messageId] })],
    ['mark_delivered', (_, messageId) => ({ messageIds: [messageId] })],
    ['delete_message', (_, messageId) => ({ messageId })],
    ['delete_message', (roomId, messageId) => ({ roomId, messageId })],
    ['delete_message', (_, messageId) => ({ roomId: mine, messageId })],
    ['edit_message', (_, messageId) => ({ messageId, content: 'x' })],
    ['edit_message', (roomId, messageId) => ({ roomId, messageId, content: 'x' })],
    ['edit_message', (_, messageId) => ({ roomId: mine, messageId, content: 'x' })],
    ['get_messages', (roomId) => ({ roomId })],
    ['get_messages', (roomId) => ({ roomId, around: 1 })],
  ];
  for (const [event, data] of calls) {
    const answer = await eve.ask(event, data(room, id));
    t.false(answer.success, `${event} ${JSON.stringify(data(room, id))}`);
    sameRefusal(t, event, answer, await eve.ask(event, data(absentRoom, absentId)));
  }
  t.false(eve.heard.some(({ event }) => event === 'new_message' || event === 'room_joined'));
  const { messages } = await stage.rest('ann').history(room);
  t.is(messages.length, 1);
  t.like(messages[0], { content: secret, version: 1, delivered_count: 0, read_count: 0 });
});

test('law 10: every REST route with ids of a closed room answers exactly like one with absent ids', async (t) => {
  const { room, id } = await closedRoom();
  const eve = stage.rest('eve');
  const mine = await ownRoom();
  const absentRoom = unique('absent');
  const absentId = '0190c000-0000-7000-8000-000000000000';
  const calls: readonly (readonly [
    method: string,
    path: (room: string, id: string) => string,
    body?: (room: string, id: string) => unknown,
  ])[] = [
    ['POST', () => '/messages', (room_id) => ({ room_id, content: 'x' })],
    ['POST', () => '/messages', (_, reply_to) => ({ room_id: mine, content: 'x', reply_to })],
    ['GET', (roomId) => `/messages/room/${roomId}`],
    ['GET', (roomId) => `/messages/room/${roomId}?before=2`],
    ['GET', (roomId) => `/messages/room/${roomId}?around=1`],
    ['GET', (roomId) => `/messages/room/${roomId}/changes`],
    ['GET', (roomId) => `/messages/room/${roomId}/changes?since=1`],
    ['GET', (roomId) => `/messages/unread/${roomId}`],
    ['PUT', () => '/messages/read', (_, messageId) => ({ messageIds: [messageId] })],
    ['PUT', () => '/messages/read', (roomId, messageId) => ({ roomId, messageIds: [messageId] })],
    ['PUT', () => '/messages/delivered', (roomId, messageId) => ({ roomId, messageIds: [messageId] })],
    ['PUT', () => '/messages/read', (_, messageId) => ({ roomId: mine, messageIds: [messageId] })],
    ['DELETE', (_, messageId) => `/messages/${messageId}`],
    ['PATCH', (_, messageId) => `/messages/${messageId}`, () => ({ content: 'x' })],
  ];
  for (const [method, path, body] of calls) {
    const closed = await eve.call(method, path(room, id), body?.(room, id));
    const absent = await eve.call(method, path(absentRoom, absentId), body?.(absentRoom, absentId));
    t.true(closed.status === 404 || closed.status === 403, `${method} ${path(room, id)}: ${closed.status}`);
    sameRefusal(t, `${method} ${path(room, id)}`, [closed.status, closed.body], [absent.status, absent.body]);
  }
  const { messages } = await stage.rest('bob').history(room);
  t.like(messages[0], { content: secret, version: 1, delivered_count: 0, read_count: 0 });
});

test('law 10: ids of a closed room among ids of an open one are left out, and change nothing', async (t) => {
  const { id } = await closedRoom();
  const mine = unique('shared');
  members.set(mine, ['eve', 'ann']);
  const seen = (await stage.rest('ann').post('/messages', { room_id: mine, content: 'x' })).body.data?.id ?? '';
  const read = await stage.rest('eve').put('/messages/read', { messageIds: [seen, id] });
  t.is(read.status, 200);
  t.deepEqual(
    read.body.data?.map((message) => message.id),
    [seen],
  );
  t.false(read.text.includes(secret));
});

test('law 10: a socket that may not join hears nothing of the traffic', async (t) => {
  const { room } = await closedRoom();
  const [ann, bob, eve] = [await stage.member('ann', room), await stage.member('bob', room), await stage.client('eve')];
  await eve.ask('join_room', { roomId: room });
  const sent = await ann.send(room, secret);
  await ann.ask('typing', { roomId: room });
  await bob.ask('mark_read', { roomId: room, messageIds: [sent.id] });
  await ann.ask('edit_message', { messageId: sent.id, content: `${secret} 2` });
  await ann.ask('delete_message', { messageId: sent.id });
  await eve.barrier();
  t.deepEqual(
    eve.heard.map(({ event }) => event),
    ['authenticated'],
  );
});

test('a member may do everything, dm- rooms included', async (t) => {
  const room = unique('dm-ann-bob');
  members.set(room, ['ann', 'bob']);
  const bob = await stage.member('bob', room);
  const sent = await stage.rest('ann').post('/messages', { room_id: room, content: 'hi' });
  t.is(sent.status, 201);
  await bob.message(sent.body.data?.id ?? '');
  t.is((await stage.rest('bob').get<WireMessage[]>(`/messages/room/${room}`)).body.data?.length, 1);
});

async function withRooms(
  t: ExecutionContext,
  env: Readonly<Record<string, string>>,
): Promise<{ own: Stage; neighbour: Neighbour; rooms: Map<string, readonly string[]> }> {
  const rooms = new Map<string, readonly string[]>();
  const neighbour = await openChatRooms(rooms);
  t.teardown(() => neighbour.close());
  const own = await ownStage(t, { CHAT_ROOM_SERVICE_URL: neighbour.url, ...env });
  return { own, neighbour, rooms };
}

test('answers of the Chat Room Service are cached, and an old one serves while it fails', async (t) => {
  const { own, neighbour, rooms } = await withRooms(t, { NEIGHBOUR_CACHE_TTL_MS: '100', NEIGHBOUR_TIMEOUT_MS: '300' });
  rooms.set('r', ['ann']);
  const send = (userId: string) => new RestClient(own.url, userId).post('/messages', { room_id: 'r', content: 'x' });
  await eventually(async () => (await send('ann')).status === 201, 'an answer within the time-out');
  neighbour.play = () => ({ status: 500, body: 'broken' });
  for (let at = 0; at < 5; at += 1) t.is((await send('ann')).status, 201, 'a known answer goes on serving');
  neighbour.play = () => undefined;
  t.is((await send('ann')).status, 201, 'while the neighbour hangs, too');
  const unknown = await new RestClient(own.url, 'ann').post('/messages', { room_id: 'never asked', content: 'x' });
  t.is(unknown.status, 503, 'what is not known is not guessed');
  t.true(Number(unknown.headers.get('retry-after')) >= 1);
  neighbour.play = ({ path }) => ({ status: 200, body: { id: path, name: 'r', users: ['bob'] } });
  await eventually(async () => (await send('bob')).status === 201, 'the new member');
  t.is((await send('ann')).status, 404, 'who is no member any more is refused');
});

test('a member removed at the Chat Room Service hears no more of the room, and may come back when invited again', async (t) => {
  const { own, neighbour, rooms } = await withRooms(t, {
    NEIGHBOUR_CACHE_TTL_MS: '200',
    NEIGHBOUR_TIMEOUT_MS: '30000',
  });
  rooms.set('r', ['ann', 'bob']);
  rooms.set('s', ['ann', 'bob']);
  const ann = await own.member('ann', 'r');
  const bob = await own.member('bob', 'r');
  await bob.join('s');
  const play = neighbour.play;
  neighbour.play = () => ({ status: 500, body: 'broken' });
  await ann.send('r', 'while it fails');
  rooms.set('r', ['ann']);
  neighbour.play = play;
  const { data } = await bob.wait('room_left', ({ roomId }: { roomId: string }) => roomId === 'r');
  t.deepEqual(data, { roomId: 'r', success: true, reason: 'removed' });
  await ann.wait('user_left', ({ userId }: { userId: string }) => userId === 'bob');
  const from = bob.heard.length;
  await ann.send('r', 'without bob');
  const other = await ann.send('s', 'with bob');
  await bob.message(other.id);
  t.deepEqual(
    (bob.all('new_message', from) as WireMessage[]).map(({ room_id }) => room_id),
    ['s'],
  );
  t.like(await bob.ask('join_room', { roomId: 'r' }), { success: false, code: 'NOT_FOUND' });
  rooms.set('r', ['ann', 'bob']);
  await eventually(async () => (await bob.ask('join_room', { roomId: 'r' })).success, 'the way back');
  const back = await ann.send('r', 'with bob again');
  await bob.message(back.id);
  t.pass();
});

test('garbage from the Chat Room Service lets nobody in', async (t) => {
  const { own, neighbour } = await withRooms(t, {});
  for (const body of [null, 'x', [], {}, { users: 'ann' }, { users: { ann: true } }, { users: null }]) {
    neighbour.play = () => ({ status: 200, body });
    const answer = await new RestClient(own.url, 'ann').post('/messages', { room_id: unique('g'), content: 'x' });
    t.true([404, 503].includes(answer.status), `${JSON.stringify(body)}: ${answer.status}`);
  }
});
