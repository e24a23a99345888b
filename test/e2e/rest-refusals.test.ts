/** What REST refuses, with which status, and that every refusal is the same JSON. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import jwt from 'jsonwebtoken';
import { answerOf } from '../harness/rest.js';
import { stageFor, unique } from '../harness/stage.js';
import { developmentSecret, tokenFor } from '../harness/token.js';

const stage = stageFor(test);
const absent = '0190c000-0000-7000-8000-000000000000';

const routes: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ['POST', '/messages', { room_id: 'r', content: 'x' }],
  ['GET', '/messages/room/r'],
  ['GET', '/messages/direct/u'],
  ['PUT', '/messages/delivered', { messageIds: [absent] }],
  ['PUT', '/messages/read', { messageIds: [absent] }],
  ['DELETE', `/messages/${absent}`],
  ['PATCH', `/messages/${absent}`, { content: 'x' }],
  ['GET', '/messages/unread/r'],
  ['POST', '/presence/heartbeat', {}],
  ['POST', '/presence/logout', {}],
  ['POST', '/presence/users', { userIds: ['u'] }],
];

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const now = Math.floor(Date.now() / 1000);
const claims = { id: 'eve', username: 'eve', email: 'e@x', iat: now, exp: now + 3600 };
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const head = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claims)}`;

const tokens: Readonly<Record<string, string | null>> = {
  none: null,
  empty: '',
  expired: tokenFor('eve', { expiresInS: -10 }),
  forged: tokenFor('eve', { secret: 'another secret' }),
  'alg none': `${base64({ alg: 'none', typ: 'JWT' })}.${base64(claims)}.`,
  'alg None in other case': `${base64({ alg: 'nOnE', typ: 'JWT' })}.${base64(claims)}.`,
  'RS256 under HS256': jwt.sign(claims, privateKey, { algorithm: 'RS256' }),
  'HS256 with a public key as secret': `${head}.${createHmac('sha256', publicKey).update(head).digest('base64url')}`,
  'HS512 of the right secret': jwt.sign(claims, developmentSecret, { algorithm: 'HS512' }),
  'without an id': tokenFor('eve', { claims: { id: undefined } }),
  'with an empty id': tokenFor('eve', { claims: { id: '' } }),
  'with an id of control characters': tokenFor('\u001fa\u001fb'),
  'with an object as id': tokenFor('eve', { claims: { id: { a: 1 } } }),
  'with an id too long': tokenFor('x'.repeat(256)),
  'not before tomorrow': tokenFor('eve', { claims: { nbf: now + 86_400 } }),
  garbage: 'a.b.c',
  'a long one': 'x'.repeat(9000),
  tampered: tokenFor('eve').replace(/\.[^.]*\./, `.${base64({ ...claims, id: 'root' })}.`),
};

for (const [name, token] of Object.entries(tokens))
  test(`every route answers 401 to a token: ${name}`, async (t) => {
    for (const [method, path, body] of routes) {
      const answer = await stage.rest('eve', token).call(method, path, body);
      t.is(answer.status, 401, `${method} ${path}: ${answer.text}`);
      t.false(answer.body.success);
      t.regex(answer.body.code ?? '', /^(UNAUTHENTICATED|TOKEN_EXPIRED)$/);
      t.is(typeof answer.body.message, 'string');
    }
  });

test('a wrong scheme of authorization is no token', async (t) => {
  for (const authorization of [`Basic ${tokenFor('eve')}`, tokenFor('eve'), 'Bearer', `Bearer  `]) {
    const response = await fetch(`${stage.url}/messages/room/r`, { headers: { authorization } });
    t.is(response.status, 401, authorization.slice(0, 12));
  }
});

test('sub and userId are accepted for id, as numbers too', async (t) => {
  for (const extra of [
    { id: undefined, sub: 'sue' },
    { id: undefined, userId: 'sue' },
  ]) {
    const answer = await stage
      .rest('', tokenFor('x', { claims: extra }))
      .post('/messages', { room_id: unique('r'), content: 'x' });
    t.is(answer.body.data?.sender_id, 'sue');
  }
  const answer = await stage
    .rest('', tokenFor('x', { claims: { id: 42 } }))
    .post('/messages', { room_id: unique('r'), content: 'x' });
  t.is(answer.body.data?.sender_id, '42');
});

const long = 'x'.repeat(4001);
const deep = JSON.parse(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`) as unknown;
const bodies: Readonly<Record<string, unknown>> = {
  'no content': { room_id: 'r' },
  'empty content': { room_id: 'r', content: '' },
  'content too long': { room_id: 'r', content: long },
  'content as a number': { room_id: 'r', content: 7 },
  'content null': { room_id: 'r', content: null },
  'content with NUL': { room_id: 'r', content: 'a\0b' },
  'neither room nor receiver': { content: 'x' },
  'both room and receiver': { room_id: 'r', receiver_id: 'u', content: 'x' },
  'a number as room': { room_id: 7, content: 'x' },
  'an empty room': { room_id: '', content: 'x' },
  'a room too long': { room_id: 'r'.repeat(256), content: 'x' },
  'a room with control characters': { room_id: '\u001fa\u001fb', content: 'x' },
  'a number as receiver': { receiver_id: 7, content: 'x' },
  'an array as room': { room_id: ['r'], content: 'x' },
  'a number as client_msg_id': { room_id: 'r', content: 'x', client_msg_id: 7 },
  'an empty client_msg_id': { room_id: 'r', content: 'x', client_msg_id: '' },
  'metadata as a string': { room_id: 'r', content: 'x', metadata: 'm' },
  'metadata as an array': { room_id: 'r', content: 'x', metadata: [1] },
  'metadata too deep': { room_id: 'r', content: 'x', metadata: deep },
  'metadata too large': { room_id: 'r', content: 'x', metadata: { a: 'x'.repeat(4096) } },
  'metadata with NUL': { room_id: 'r', content: 'x', metadata: { a: '\0' } },
  'a number as message_type': { room_id: 'r', content: 'x', message_type: 1 },
  'an array as body': [1],
  'a string as body': '"x"',
  'null as body': 'null',
};
for (const [name, body] of Object.entries(bodies))
  test(`POST /messages refuses ${name}`, async (t) => {
    const answer = await stage.rest('ann').post('/messages', body);
    t.true([400, 422].includes(answer.status), `${answer.status} ${answer.text}`);
    t.false(answer.body.success);
    t.regex(answer.body.code ?? '', /^(VALIDATION|MALFORMED|UNPROCESSABLE)$/);
  });

test('the largest content of 4000 characters passes, in characters and not in bytes', async (t) => {
  for (const content of ['x'.repeat(4000), 'ü'.repeat(4000), '😀'.repeat(4000)]) {
    const answer = await stage.rest('ann').post('/messages', { room_id: unique('r'), content });
    t.is(answer.status, 201);
    t.is(answer.body.data?.content, content);
  }
});

test('a reply to a message that is not in the room is refused as absent', async (t) => {
  const [one, two] = [unique('room'), unique('room')];
  const other = await stage.rest('ann').post('/messages', { room_id: one, content: 'x' });
  for (const reply_to of [absent, other.body.data?.id]) {
    const answer = await stage.rest('ann').post('/messages', { room_id: two, content: 'x', reply_to });
    t.is(answer.status, 404);
    t.is(answer.body.code, 'NOT_FOUND');
  }
  t.is((await stage.rest('ann').history(two)).total, 0);
});

test('malformed JSON is 400, a body too large 413, an unknown path 404, a wrong method too: all as JSON', async (t) => {
  const rest = stage.rest('ann');
  for (const text of ['{', '{"room_id":"r",', '', 'x=1', '{"a":1}}', '\u0000']) {
    const answer = await rest.call('POST', '/messages', text);
    t.is(answer.status, 400, JSON.stringify(text));
    t.false(answer.body.success);
    t.truthy(answer.body.code);
  }
  const large = await rest.post('/messages', { room_id: 'r', content: 'x', more: 'y'.repeat(70_000) });
  t.is(large.status, 413);
  t.is(large.body.code, 'TOO_LARGE');
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['GET', '/messages/nothing/here/at/all'],
    ['POST', '/health'],
    ['PUT', '/messages'],
    ['DELETE', '/messages/room/r'],
  ] as const) {
    const answer = await rest.call(method, path);
    t.is(answer.status, 404, `${method} ${path}`);
    t.false(answer.body.success, `${method} ${path}`);
    t.is(typeof answer.body.code, 'string');
  }
});

test('answers carry security headers, a request id, and nothing of the framework', async (t) => {
  const response = await fetch(`${stage.url}/messages/room/r`, { headers: { origin: 'https://chat.example' } });
  const answer = await answerOf(response);
  t.is(answer.headers.get('x-content-type-options'), 'nosniff');
  t.is(answer.headers.get('x-powered-by'), null);
  t.truthy(answer.headers.get('x-request-id'));
  t.truthy(answer.headers.get('access-control-allow-origin'));
  const preflight = await fetch(`${stage.url}/messages`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://chat.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
  t.true(preflight.ok);
  t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/i);
});
