/** Hostile HTTP: bytes, bodies and paths that no client sends. Each is refused clearly, and nobody else notices. */
import test from 'ava';
import { RestClient } from '../harness/rest.js';
import { stageFor, unique } from '../harness/stage.js';
import { tokenFor } from '../harness/token.js';
import { exchange, halfOpen } from './raw.js';
import { traces, Witness } from './witness.js';

const stage = stageFor(test);
const witness = new Witness(stage);
test.serial.before(() => witness.arrive());

function post(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${stage.url}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenFor('eve')}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
}

const room = '"room_id":"hostile"';
const deepArray = '['.repeat(30_000) + ']'.repeat(30_000);
const deepObject = '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000);

const bodies: Readonly<Record<string, { readonly body: string | Uint8Array; readonly statuses: readonly number[] }>> = {
  '1,000,000-deep JSON': { body: '['.repeat(1_000_000), statuses: [400, 413] },
  '1,000,000-deep JSON, closed': { body: '['.repeat(1_000_000) + ']'.repeat(1_000_000), statuses: [400, 413] },
  'deep JSON within the size': { body: deepArray, statuses: [400] },
  'a deep unknown field': { body: `{${room},"content":"x","deep":${deepArray}}`, statuses: [201, 400] },
  'deep metadata': { body: `{${room},"content":"x","metadata":${deepObject}}`, statuses: [400] },
  'an escaped NUL': { body: `{${room},"content":"a\\u0000b"}`, statuses: [400, 422] },
  'a NUL byte': { body: `{${room},"content":"a\0b"}`, statuses: [400] },
  'a NUL in an id': { body: '{"room_id":"a\\u0000b","content":"x"}', statuses: [400, 422] },
  'a NUL in metadata': { body: `{${room},"content":"x","metadata":{"a\\u0000":"b\\u0000"}}`, statuses: [400, 422] },
  'a high surrogate alone': { body: `{${room},"content":"a\\ud800b"}`, statuses: [400, 422] },
  'a low surrogate alone': { body: `{${room},"content":"\\udc00"}`, statuses: [400, 422] },
  'surrogates in metadata': { body: `{${room},"content":"x","metadata":{"a":"\\ud800"}}`, statuses: [400, 422] },
  'surrogates in a metadata key': { body: `{${room},"content":"x","metadata":{"\\udfff":1}}`, statuses: [400, 422] },
  'surrogates in a client_msg_id': { body: `{${room},"content":"x","client_msg_id":"\\ud800"}`, statuses: [400, 422] },
  'invalid UTF-8': {
    body: Buffer.concat([
      Buffer.from(`{${room},"content":"`),
      Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
      Buffer.from('"}'),
    ]),
    statuses: [400, 422],
  },
  'a number beyond every double': { body: `{${room},"content":"x","metadata":{"n":1e999}}`, statuses: [201, 400, 422] },
  '__proto__ as a key': {
    body: `{${room},"content":"x","__proto__":{"admin":true},"constructor":{"prototype":{"a":1}}}`,
    statuses: [201, 400],
  },
  '__proto__ in metadata': {
    body: `{${room},"content":"x","metadata":{"__proto__":{"polluted":true}}}`,
    statuses: [201, 400],
  },
  'content as an object with toString': { body: `{${room},"content":{"toString":"x","length":1}}`, statuses: [400] },
  'ids as objects': { body: '{"room_id":{"toString":"r"},"content":"x"}', statuses: [400] },
  'a body just over the limit': { body: `{${room},"content":"x","pad":"${'y'.repeat(65_536)}"}`, statuses: [413] },
  'a body of 5 MB': { body: 'x'.repeat(5_000_000), statuses: [400, 413] },
};
for (const [name, { body, statuses }] of Object.entries(bodies))
  test(`POST /messages survives ${name}`, async (t) => {
    const response = await post(body);
    const text = await response.text();
    t.true(statuses.includes(response.status), `${response.status} ${text.slice(0, 200)}`);
    t.notRegex(text, traces);
    t.is(typeof (JSON.parse(text) as { success: unknown }).success, 'boolean');
    t.false(text.includes('polluted":true') && !text.includes('metadata'));
    t.is(({} as Record<string, unknown>)['polluted'], undefined);
    await witness.unharmed(t);
  });

test('a refused body of any size leaves the connection usable, or the answer says that it is closed', async (t) => {
  for (const size of [70_000, 1_000_000, 5_000_000]) {
    const head = `POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenFor('eve')}\r\nContent-Type: application/json\r\n`;
    const next = 'GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const text = await exchange(
      stage.service.port,
      `${head}Content-Length: ${size}\r\n\r\n${'x'.repeat(size)}${next}`,
      (all) => /^connection: close/im.test(all) || / 200 OK/.test(all),
    );
    t.regex(text, /^HTTP\/1\.1 413 /);
    t.true(/^connection: close/im.test(text) || / 200 OK/.test(text), `${size}: ${text.slice(-200)}`);
  }
});

const types: Readonly<Record<string, string>> = {
  text: 'text/plain',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data; boundary=x',
  'another charset': 'application/json; charset=utf-16',
  nonsense: '\t;;;=',
};
for (const [name, type] of Object.entries(types))
  test(`a body of the type ${name} is refused or read as what it is`, async (t) => {
    const response = await post(`{${room},"content":"x"}`, { 'content-type': type });
    t.true([201, 400].includes(response.status), String(response.status));
    t.notRegex(await response.text(), traces);
  });

const wires: Readonly<Record<string, string | Uint8Array>> = {
  garbage: '\x00\x01\x02\x03\r\n\r\n',
  'a TLS hello': Uint8Array.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  'an unknown method': 'BREW /messages HTTP/1.1\r\nHost: x\r\n\r\n',
  'no host': 'GET /health HTTP/1.1\r\n\r\n',
  'HTTP/9': 'GET /health HTTP/9.9\r\nHost: x\r\n\r\n',
  'headers too large': `GET /health HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(200_000)}\r\n\r\n`,
  'two lengths': 'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
  'a length and chunks':
    'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a negative length': 'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  'a broken chunk': 'POST /messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'a path of bytes': 'GET /messages/room/%00%ff%c0%80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a broken escape': 'GET /messages/room/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'an absolute path outside': 'GET /messages/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a whole URL as path': 'GET http://evil.example/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a broken URL as path': 'GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a path // alone': 'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a host of nonsense': 'GET /health HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n',
  'an upgrade to nothing':
    'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  'an upgrade without a key':
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'an upgrade of an unknown session':
    'GET /socket.io/?EIO=4&transport=websocket&sid=nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  'engine.io of another version':
    'GET /socket.io/?EIO=2&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'a transport that is none':
    'GET /socket.io/?EIO=4&transport=__proto__ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
};
for (const [name, bytes] of Object.entries(wires))
  test(`the wire survives ${name}`, async (t) => {
    const text = await exchange(stage.service.port, bytes);
    if (text !== '') t.regex(text, /^HTTP\/1\.1 \d{3} /);
    t.notRegex(text, traces);
    t.notRegex(text, /root:/);
    await witness.unharmed(t);
  });

test('paths and queries of any kind answer JSON, never a stack', async (t) => {
  const rest = new RestClient(stage.url, 'eve');
  const ids = [
    '%00',
    '%ff',
    '%ED%A0%80',
    '..%2f..%2fetc%2fpasswd',
    '__proto__',
    'constructor',
    "'%3BDROP TABLE messages--",
    'x'.repeat(5000),
    '%25'.repeat(300),
    '%F0%9F%98%80',
  ];
  for (const id of ids)
    for (const [method, path] of [
      ['GET', `/messages/room/${id}`],
      ['GET', `/messages/direct/${id}`],
      ['GET', `/messages/unread/${id}`],
      ['DELETE', `/messages/${id}`],
      ['PATCH', `/messages/${id}`],
      ['GET', `/messages/room/r?limit=${id}&offset=${id}`],
    ] as const) {
      const answer = await rest.call(method, path, method === 'PATCH' ? { content: 'x' } : undefined);
      t.true(answer.status < 500, `${method} ${path.slice(0, 60)}: ${answer.status}`);
      t.is(typeof answer.body.success, 'boolean');
      t.notRegex(answer.text, traces);
    }
  await witness.unharmed(t);
});

test('ids as numbers, arrays and objects in bodies are refused on every route', async (t) => {
  const rest = new RestClient(stage.url, 'eve');
  for (const id of [1, 1.5, true, ['a'], { a: 1 }, null]) {
    for (const [method, path, body] of [
      ['POST', '/messages', { room_id: id, content: 'x' }],
      ['POST', '/messages', { receiver_id: id, content: 'x' }],
      ['PUT', '/messages/read', { messageIds: [id] }],
      ['PUT', '/messages/delivered', { messageIds: [id], roomId: 'r' }],
      ['POST', '/presence/users', { userIds: [id] }],
    ] as const) {
      const answer = await rest.call(method, path, body);
      t.is(answer.status, 400, `${method} ${path} ${JSON.stringify(id)}`);
    }
  }
});

test('slow and half-open connections hold nobody up', async (t) => {
  const port = stage.service.port;
  const slow = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      halfOpen(
        port,
        [
          'GET /health HTTP/1.1\r\nHost: x\r\nX-',
          'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{',
          '',
        ][at % 3] ?? '',
      ),
    ),
  );
  t.is((await new RestClient(stage.url, 'ann').post('/messages', { room_id: unique('r'), content: 'x' })).status, 201);
  await witness.unharmed(t);
  for (const socket of slow) socket.destroy();
});
