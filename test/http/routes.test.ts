/** Every route: what it asks of the chat, and how the answer looks. */
import test from 'ava';
import { directKey } from '../../src/actors/protocol/ids.js';
import { reject, rejections, type RejectionCode } from '../../src/actors/rejections.js';
import { statusOf } from '../../src/http/status.js';
import { membership, uuid } from '../edge/support/fakes.js';
import { httpStage } from './support/stage.js';

const allowed = membership({ mine: ['ann'], theirs: ['bob'] });

test('POST sends and answers 201 with the room’s own text, spliced in', async (t) => {
  const stage = httpStage();
  const body = '{"id":"1","big":12345678901234567890,"text":"\\u2028"}';
  stage.rooms.answer = () => ({ ok: true, answer: { body, resync: null } });
  const answer = await stage.call('POST', '/messages', { room_id: 'r', content: 'x', sender_id: 'eve' });
  t.is(answer.status, 201);
  t.true(answer.text.includes(`"data":${body}`), answer.text);
  t.like(answer.body, { success: true, message: 'Message sent' });
  t.like(stage.rooms.commands[0], { kind: 'send', key: 'r', senderId: 'ann', content: 'x' });
  const direct = await stage.call('POST', '/messages/', { receiver_id: 'bob', content: 'x' });
  t.is(direct.status, 201);
  t.like(stage.rooms.commands[1], { key: directKey('ann', 'bob'), receiverId: 'bob' });
});

test('GET room and direct answer a page, oldest first, with pagination', async (t) => {
  const stage = httpStage();
  for (let n = 1; n <= 3; n += 1) stage.reads.add('a/b?#% ü', uuid(n));
  stage.reads.add(directKey('ann', 'bob'), uuid(9));
  const room = await stage.call('GET', `/messages/room/${encodeURIComponent('a/b?#% ü')}?limit=2`);
  t.is(room.status, 200);
  t.deepEqual(
    (room.body['data'] as { seq: number }[]).map(({ seq }) => seq),
    [2, 3],
  );
  t.deepEqual(room.body['pagination'], { limit: 2, offset: 0, total: 3, next: 2, prev: null });
  const direct = await stage.call('GET', '/messages/direct/bob?before=2');
  t.like(direct.body, { success: true, pagination: { limit: 50, offset: null, total: 1 } });
  for (const query of [
    'limit=x',
    'limit=',
    'limit=201',
    'limit=1e2',
    'offset=-1',
    'around=99999999999999999',
    'before=1&after=1',
  ])
    t.is((await stage.call('GET', `/messages/room/r?${query}`)).status, 400, query);
});

test('PUT read and delivered mark and answer with what was newly covered', async (t) => {
  const stage = httpStage();
  stage.reads.add('r', uuid(1), 'bob');
  stage.rooms.answer = () => ({ ok: true, answer: { body: '{"from":0,"upTo":1}', resync: null } });
  for (const level of ['read', 'delivered']) {
    const answer = await stage.call('PUT', `/messages/${level}`, { messageIds: [uuid(1)] });
    t.is(answer.status, 200);
    t.like(answer.body, { success: true, data: [{ id: uuid(1) }] });
    t.like(stage.rooms.commands.at(-1), { kind: 'mark', level, userId: 'ann' });
  }
});

test('PATCH and DELETE name the message by the path, whatever the body says', async (t) => {
  const stage = httpStage();
  stage.reads.add('r', uuid(1));
  stage.reads.add('r', uuid(2));
  t.is((await stage.call('PATCH', `/messages/${uuid(1)}`, { content: 'y', messageId: uuid(2) })).status, 200);
  t.like(stage.rooms.commands[0], { kind: 'edit', messageId: uuid(1), content: 'y', userId: 'ann' });
  t.is((await stage.call('DELETE', `/messages/${uuid(2)}`)).status, 200);
  t.like(stage.rooms.commands[1], { kind: 'delete', messageId: uuid(2) });
  for (const body of ['[]', 'null', '1', '"x"'])
    t.is((await stage.call('PATCH', `/messages/${uuid(1)}`, body)).status, 400);
});

test('GET unread answers the count', async (t) => {
  const stage = httpStage();
  stage.reads.add('r', uuid(1), 'bob');
  t.deepEqual((await stage.call('GET', '/messages/unread/r')).body['data'], { count: 1 });
});

test('absent and invisible are the same 404 on every route', async (t) => {
  const stage = httpStage({ access: allowed });
  stage.reads.add('theirs', uuid(1), 'bob');
  const asked = async (room: string, id: string): Promise<string[]> => {
    const calls = [
      await stage.call('POST', '/messages', { room_id: room, content: 'x' }),
      await stage.call('GET', `/messages/room/${room}`),
      await stage.call('GET', `/messages/unread/${room}`),
      await stage.call('PUT', '/messages/read', { messageIds: [id] }),
      await stage.call('PUT', '/messages/delivered', { messageIds: [id], roomId: room }),
      await stage.call('PATCH', `/messages/${id}`, { content: 'x' }),
      await stage.call('DELETE', `/messages/${id}`),
    ];
    for (const { status } of calls) t.is(status, 404);
    return calls.map(({ text }) => text);
  };
  t.deepEqual(await asked('theirs', uuid(1)), await asked('no-such-room', uuid(2)));
  t.deepEqual(stage.rooms.commands, []);
});

for (const code of Object.keys(rejections) as RejectionCode[])
  test(`a refusal ${code} becomes ${statusOf[code]} with its code, and Retry-After where coming back helps`, async (t) => {
    const stage = httpStage();
    stage.rooms.answer = () => ({ ok: false, rejection: reject(code) });
    const answer = await stage.call('POST', '/messages', { room_id: 'r', content: 'x' });
    t.is(answer.status, statusOf[code]);
    t.deepEqual(answer.body, { success: false, message: rejections[code].message, code });
    t.is(answer.headers.get('retry-after'), rejections[code].retryable ? '1' : null);
  });

test('over the rate is 429 with whole seconds to wait, at least one', async (t) => {
  const stage = httpStage({
    env: { RATE_LIMIT_ENABLED: 'true', SEND_RATE: '1', SEND_BURST: '1', EVENT_RATE: '50', EVENT_BURST: '1' },
  });
  await stage.call('POST', '/messages', { room_id: 'r', content: 'x' });
  const send = await stage.call('POST', '/messages', { room_id: 'r', content: 'x' });
  t.deepEqual([send.status, send.body['code'], send.headers.get('retry-after')], [429, 'RATE_LIMITED', '1']);
  t.is((await stage.call('POST', '/presence/heartbeat')).status, 200);
  const beat = await stage.call('POST', '/presence/heartbeat');
  t.deepEqual([beat.status, beat.headers.get('retry-after')], [429, '1']);
});

test('presence is about the verified caller; questions name 1..200 users', async (t) => {
  const stage = httpStage();
  t.deepEqual((await stage.call('POST', '/presence/heartbeat', { userId: 'bob' })).body, { success: true });
  const asked = await stage.call('POST', '/presence/users', { userIds: ['ann', 'bob', '__proto__'] });
  t.is(asked.text, '{"success":true,"onlineStatus":{"ann":true,"bob":false,"__proto__":false}}');
  t.is((await stage.call('POST', '/presence/logout')).status, 200);
  t.deepEqual((await stage.call('POST', '/presence/users', { userIds: ['ann'] })).body['onlineStatus'], { ann: false });
  const many = Array.from({ length: 201 }, (_, n) => `u${n}`);
  for (const userIds of [[], many, [1], [''], ['a\0'], 'ann', null, { length: 1 }])
    t.is((await stage.call('POST', '/presence/users', { userIds })).status, 400);
});

const routes: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ['POST', '/messages', { room_id: 'r', content: 'x' }],
  ['GET', '/messages/room/r'],
  ['GET', '/messages/direct/u'],
  ['PUT', '/messages/delivered', { messageIds: [uuid(1)] }],
  ['PUT', '/messages/read', { messageIds: [uuid(1)] }],
  ['DELETE', `/messages/${uuid(1)}`],
  ['PATCH', `/messages/${uuid(1)}`, { content: 'x' }],
  ['GET', '/messages/unread/r'],
  ['POST', '/presence/heartbeat', {}],
  ['POST', '/presence/logout', {}],
  ['POST', '/presence/users', { userIds: ['u'] }],
];

test('every route is 401 without a token that is good, and nothing is asked', async (t) => {
  const stage = httpStage();
  for (const [method, path, body] of routes)
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Bearer x.y.z', 'Basic YTpi', 'bearerx y']) {
      const answer = await stage.call(method, path, body, null, authorization === undefined ? {} : { authorization });
      t.is(answer.status, 401, `${method} ${path} ${authorization ?? 'without'}`);
      t.like(answer.body, { success: false, code: 'UNAUTHENTICATED' });
      t.is(answer.headers.get('www-authenticate'), 'Bearer');
    }
  t.deepEqual([stage.rooms.commands, stage.reads.calls], [[], []]);
});

test('with the base path / the routes move, and health wins over message ids', async (t) => {
  const stage = httpStage({ env: { HTTP_BASE_PATH: '/' } });
  stage.reads.add('r', uuid(1), 'bob');
  t.is((await stage.call('POST', '/', { room_id: 'r', content: 'x' })).status, 201);
  t.is((await stage.call('GET', '/room/r')).status, 200);
  t.is((await stage.call('GET', '/unread/r')).status, 200);
  t.is((await stage.call('PUT', '/read', { messageIds: [uuid(1)], roomId: 'r' })).status, 200);
  t.is((await stage.call('DELETE', `/${uuid(1)}`)).status, 200);
  for (const path of ['/health', '/live', '/ready', '/metrics'])
    t.is((await stage.call('GET', path, undefined, null)).status, 200, path);
  t.is((await stage.call('GET', '/messages/room/r')).status, 404);
  t.is((await stage.call('POST', '/presence/heartbeat')).status, 200);
});

test('with another base path the routes are there and nowhere else', async (t) => {
  const stage = httpStage({ env: { HTTP_BASE_PATH: '/api/v1/messages' } });
  t.is((await stage.call('POST', '/api/v1/messages', { room_id: 'r', content: 'x' })).status, 201);
  t.is((await stage.call('GET', '/api/v1/messages/room/r')).status, 200);
  t.is((await stage.call('POST', '/messages', { room_id: 'r', content: 'x' })).status, 404);
});
