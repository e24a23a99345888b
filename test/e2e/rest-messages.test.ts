/** The message routes of REST on the real process: what they answer, what sockets hear of them, how pages hang together. */
import test from 'ava';
import { stageFor, unique } from '../harness/stage.js';
import type { Envelope, WireMessage } from '../harness/wire.js';

const stage = stageFor(test);
const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('POST /messages stores a message, answers 201 with it, and sockets hear the same', async (t) => {
  const room = unique('room');
  const listener = await stage.member('lea', room);
  const original = await stage.rest('ann').post('/messages', { room_id: room, content: 'first' });
  const answer = await stage.rest('ann').post('/messages', {
    room_id: room,
    content: 'hello “world” \u2028 😀',
    message_type: 'note',
    client_msg_id: 'c-1',
    reply_to: original.body.data?.id,
    metadata: { tags: ['a', 'b'], nested: { n: 1.5, none: null } },
  });
  t.is(answer.status, 201);
  t.true(answer.body.success);
  const message = answer.body.data;
  t.like(message, {
    room_id: room,
    receiver_id: null,
    sender_id: 'ann',
    sender_name: 'ann',
    sender_display_name: 'ann',
    username: 'ann',
    content: 'hello “world” \u2028 😀',
    message_type: 'note',
    seq: 2,
    version: 2,
    client_msg_id: 'c-1',
    reply_to: original.body.data?.id,
    metadata: { tags: ['a', 'b'], nested: { n: 1.5, none: null } },
    is_delivered: false,
    is_read: false,
    delivered_count: 0,
    read_count: 0,
  });
  t.regex(message?.id ?? '', uuidV7);
  t.is(message?.created_at, new Date(message?.created_at ?? '').toISOString());
  t.is(message?.updated_at, message?.created_at);
  t.is(message?.edited_at, undefined);
  t.deepEqual(await listener.message(message?.id ?? ''), message);
});

test('message_type is text unless said, and unknown fields are ignored', async (t) => {
  const answer = await stage.rest('ann').post('/messages', { room_id: unique('room'), content: 'x', colour: 'red' });
  t.is(answer.status, 201);
  t.is(answer.body.data?.message_type, 'text');
  t.false('colour' in (answer.body.data ?? {}));
});

test('GET /messages/room/:roomId pages by offset from the newest, oldest first, with the true total', async (t) => {
  const room = unique('room');
  const rest = stage.rest('ann');
  for (let at = 1; at <= 7; at += 1) await rest.post('/messages', { room_id: room, content: `m${at}` });
  const page = async (query: string): Promise<{ seqs: number[]; pagination: unknown }> => {
    const answer = await rest.get<WireMessage[]>(`/messages/room/${room}?${query}`);
    t.is(answer.status, 200);
    return { seqs: (answer.body.data ?? []).map(({ seq }) => seq), pagination: answer.body.pagination };
  };
  t.deepEqual((await page('')).seqs, [1, 2, 3, 4, 5, 6, 7]);
  t.like((await page('')).pagination, { limit: 50, offset: 0, total: 7, next: null, prev: null });
  t.deepEqual((await page('limit=3')).seqs, [5, 6, 7]);
  t.like((await page('limit=3')).pagination, { limit: 3, offset: 0, total: 7, next: 5 });
  t.deepEqual((await page('limit=3&offset=3')).seqs, [2, 3, 4]);
  t.deepEqual((await page('limit=3&offset=6')).seqs, [1]);
  t.deepEqual((await page('limit=3&offset=7')).seqs, []);
  t.deepEqual((await page('limit=3&before=5')).seqs, [2, 3, 4]);
  t.deepEqual((await page('limit=3&before=1')).seqs, []);
  t.deepEqual((await page('limit=3&after=2')).seqs, [3, 4, 5]);
  t.deepEqual((await page('limit=3&after=7')).seqs, []);
  t.deepEqual((await page('limit=3&around=4')).seqs, [3, 4, 5]);
  t.true((await page('limit=3&around=1')).seqs.includes(1));
});

test('following next and prev walks through the whole history once in both directions', async (t) => {
  const room = unique('room');
  const rest = stage.rest('ann');
  for (let at = 1; at <= 10; at += 1) await rest.post('/messages', { room_id: room, content: `m${at}` });
  const back: number[] = [];
  for (let query: string | null = 'limit=3'; query !== null;) {
    const { body }: { body: Envelope<WireMessage[]> } = await rest.get<WireMessage[]>(
      `/messages/room/${room}?${query}`,
    );
    back.unshift(...(body.data ?? []).map(({ seq }) => seq));
    const next: number | null = body.pagination?.next ?? null;
    query = next === null ? null : `limit=3&before=${next}`;
  }
  t.deepEqual(back, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const forth: number[] = [];
  for (let query: string | null = 'limit=3&after=0'; query !== null;) {
    const { body }: { body: Envelope<WireMessage[]> } = await rest.get<WireMessage[]>(
      `/messages/room/${room}?${query}`,
    );
    forth.push(...(body.data ?? []).map(({ seq }) => seq));
    const prev: number | null = body.pagination?.prev ?? null;
    query = prev === null ? null : `limit=3&after=${prev}`;
  }
  t.deepEqual(forth, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a page holds at most 200 messages; wrong paging is refused', async (t) => {
  const room = unique('room');
  const rest = stage.rest('ann');
  for (const query of [
    'limit=0',
    'limit=x',
    'limit=-1',
    'limit=201',
    'limit=1.5',
    'offset=-1',
    'before=x',
    'around=',
    'before=3&after=1',
    'offset=1&before=3',
  ]) {
    const answer = await rest.get(`/messages/room/${room}?${query}`);
    t.is(answer.status, 400, query);
    t.is(answer.body.code, 'VALIDATION', query);
  }
  t.is((await rest.get(`/messages/room/${room}?limit=200`)).status, 200);
});

test('a room that nobody wrote to is empty, not absent', async (t) => {
  const answer = await stage.rest('ann').get(`/messages/room/${unique('room')}`);
  t.is(answer.status, 200);
  t.deepEqual(answer.body.data, []);
  t.like(answer.body.pagination, { total: 0, next: null, prev: null });
});

test('room ids with characters of paths and queries are one id', async (t) => {
  const room = unique('dm-a/b?c#d %ü😀');
  const rest = stage.rest('ann');
  await rest.post('/messages', { room_id: room, content: 'x' });
  const { messages, total } = await rest.history(room);
  t.is(total, 1);
  t.is(messages[0]?.room_id, room);
  t.is(
    (await stage.rest('bob').get<{ count: number }>(`/messages/unread/${encodeURIComponent(room)}`)).body.data?.count,
    1,
  );
});

test('PATCH /messages/:messageId edits for the sender alone and raises the version, not the seq', async (t) => {
  const room = unique('room');
  const listener = await stage.member('lea', room);
  const rest = stage.rest('ann');
  const { id } = (await rest.post('/messages', { room_id: room, content: 'before' })).body.data ?? { id: '' };
  t.is((await stage.rest('bob').patch(`/messages/${id}`, { content: 'mine' })).status, 403);
  const answer = await rest.patch(`/messages/${id}`, { content: 'after' });
  t.is(answer.status, 200);
  t.like(answer.body.data, { id, content: 'after', seq: 1, version: 2 });
  t.truthy(answer.body.data?.edited_at);
  t.is(answer.body.data?.updated_at, answer.body.data?.edited_at);
  const { data } = await listener.wait('message_edited');
  t.deepEqual(data, answer.body.data);
  t.is((await rest.history(room)).messages[0]?.content, 'after');
  t.is((await rest.patch(`/messages/${id}`, { content: '' })).status, 400);
  t.is((await rest.patch('/messages/0190c000-0000-7000-8000-000000000000', { content: 'x' })).status, 404);
});

test('DELETE /messages/:messageId leaves a tombstone: 403 for others, 404 for absent ids, 200 again for a repetition', async (t) => {
  const room = unique('room');
  const listener = await stage.member('lea', room);
  const rest = stage.rest('ann');
  const sent = await rest.post('/messages', { room_id: room, content: 'secret', metadata: { a: 1 } });
  const id = sent.body.data?.id ?? '';
  const forbidden = await stage.rest('bob').delete(`/messages/${id}`);
  t.is(forbidden.status, 403);
  t.is(forbidden.body.code, 'FORBIDDEN');
  const deleted = await rest.delete(`/messages/${id}`);
  t.is(deleted.status, 200);
  t.true(deleted.body.success);
  t.deepEqual((await listener.wait('message_deleted')).data, { messageId: id, roomId: room, seq: 1, version: 2 });
  t.is((await rest.delete(`/messages/${id}`)).status, 200);
  const { messages, total } = await rest.history(room);
  t.is(total, 1);
  t.like(messages[0], { id, seq: 1, version: 2, content: '' });
  t.truthy(messages[0]?.deleted_at);
  t.is(messages[0]?.metadata, undefined);
  t.is((await rest.patch(`/messages/${id}`, { content: 'again' })).status, 404);
  for (const absent of ['0190c000-0000-7000-8000-000000000000', 'no-such-id', '%00', "';--"])
    t.is((await rest.delete(`/messages/${absent}`)).status, 404, absent);
});
