/**
 * Requests that mean harm: each gets a clear refusal as JSON, and the next request is served as if nothing had been.
 * Long because it is one suite: each kind of harm has its case.
 */
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { answerOf, httpStage, tokenOf, type HttpStage } from './support/stage.js';

const bodies: Readonly<Record<string, readonly [body: string | Uint8Array, status: number, code: string]>> = {
  nothing: ['', 400, 'MALFORMED'],
  'half of JSON': ['{"room_id":"r","content":"secret words', 400, 'MALFORMED'],
  'JSON and more': ['{"a":1}}', 400, 'MALFORMED'],
  'a NUL': ['\0', 400, 'MALFORMED'],
  'no UTF-8': [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, 'MALFORMED'],
  'a pair encoded half by half': [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 400, 'MALFORMED'],
  'an escaped half pair': ['{"room_id":"r","content":"\\ud800"}', 400, 'VALIDATION'],
  'an escaped NUL': ['{"room_id":"r","content":"\\u0000"}', 400, 'VALIDATION'],
  'a prototype': ['{"__proto__":{"room_id":"r","content":"x"}}', 400, 'VALIDATION'],
  '60,000 levels': [
    `{"room_id":"r","content":"x","metadata":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    400,
    'VALIDATION',
  ],
  'a million levels': ['['.repeat(1_000_000), 413, 'TOO_LARGE'],
  'too much': [`{"room_id":"r","content":"x","more":"${'y'.repeat(70_000)}"}`, 413, 'TOO_LARGE'],
};

for (const [name, [body, status, code]] of Object.entries(bodies))
  test(`a body of ${name} is ${status} ${code}`, async (t) => {
    const stage = httpStage();
    const answer = await stage.call('POST', '/messages', body);
    t.is(answer.status, status);
    t.is(answer.body['code'], code);
    t.false(/secret|at .*\.js/.test(answer.text), answer.text);
    t.is((await stage.call('POST', '/messages', { room_id: 'r', content: 'x' })).status, 201);
    t.false(
      stage.lines.some(({ level }) => level >= 40),
      'a bad request is no fault of the service',
    );
  });

test('a body that is not JSON by its own words is malformed', async (t) => {
  const stage = httpStage();
  const body = '{"room_id":"r","content":"x"}';
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
    'x',
  ])
    t.is((await stage.call('POST', '/messages', body, 'ann', { 'content-type': type })).status, 400, type);
  for (const type of ['application/json', 'Application/JSON; charset="UTF-8"', 'application/vnd.x+json'])
    t.is((await stage.call('POST', '/messages', body, 'ann', { 'content-type': type })).status, 201, type);
  t.is((await stage.call('POST', '/messages', body, 'ann', { 'content-encoding': 'gzip' })).status, 400);
});

test('unknown paths, wrong methods and bad paths answer as JSON', async (t) => {
  const stage = httpStage();
  const known = ['/health', '/messages', '/messages/room/r', '/presence/users'];
  const cases: readonly (readonly [method: string, path: string, status: number])[] = [
    ['GET', '/', 404],
    ['GET', '/nothing', 404],
    ['GET', '/messages/nothing/here/at/all', 404],
    ['POST', '/health', 404],
    ['PUT', '/messages', 404],
    ['DELETE', '/messages/room/r', 404],
    ['GET', '/presence/users', 404],
    ['GET', '/messages/room/%ff', 400],
    ['GET', '/messages/room/%', 400],
    ['DELETE', '/messages/%00', 404],
    ['GET', '/messages/room/%00', 400],
    ['GET', `/messages/room/${'x'.repeat(256)}`, 400],
  ];
  for (const [method, path, status] of cases) {
    const answer = await stage.call(method, path);
    t.is(answer.status, status, `${method} ${path.slice(0, 40)}: ${answer.text}`);
    t.false(answer.body['success']);
    t.is(typeof answer.body['code'], 'string');
    t.is(answer.headers.has('allow'), known.includes(path), 'what a known path takes is told');
  }
});

test('an operation that throws is 500 without a word of why; it is logged with the request id', async (t) => {
  const stage = httpStage({ chat: { history: () => Promise.reject(new Error('secret of the inside')) } });
  const answer = await stage.call('GET', '/messages/room/r', undefined, 'ann', { 'x-request-id': 'req-1' });
  t.is(answer.status, 500);
  t.deepEqual(answer.body, { success: false, message: 'Internal error', code: 'INTERNAL' });
  t.is(answer.headers.get('x-request-id'), 'req-1');
  t.like(
    stage.lines.find(({ level }) => level === 50),
    { requestId: 'req-1', msg: 'request threw' },
  );
});

test('request ids that could forge log lines are replaced; answers name no framework and are not stored', async (t) => {
  const stage = httpStage();
  for (const id of ['a b', '{"level":60}', 'x'.repeat(65), 'ü']) {
    const answer = await stage.call('GET', '/live', undefined, null, {
      'x-request-id': encodeURI(id).replaceAll('%', '}'),
    });
    t.regex(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    t.is(answer.headers.get('x-powered-by'), null);
    t.is(answer.headers.get('x-content-type-options'), 'nosniff');
    t.is(answer.headers.get('cache-control'), 'no-store');
  }
});

test('logs hold route templates and no token, content or id of a room', async (t) => {
  const stage = httpStage();
  await stage.call('POST', '/messages', { room_id: 'secret-room', content: 'secret-content' });
  await stage.call('GET', '/messages/room/secret-room?limit=1');
  stage.reads.failing = new Error('x');
  await stage.call('GET', '/messages/room/secret-room');
  const text = JSON.stringify(stage.lines);
  t.false(/secret|eyJ/.test(text), text);
  t.true(
    stage.lines.some((line) => line['route'] === '/messages/room/:roomId'),
    text,
  );
  t.true(stage.lines.some(({ level, msg }) => level === 40 && msg === 'request failed'));
});

test('CORS answers the origins of the configuration and no others', async (t) => {
  const preflight = (stage: HttpStage, origin: string): ReturnType<HttpStage['call']> =>
    stage.call('OPTIONS', '/messages', undefined, null, {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    });
  const open = await preflight(httpStage(), 'https://any.example');
  t.is(open.headers.get('access-control-allow-origin'), '*');
  t.regex(open.headers.get('access-control-allow-headers') ?? '', /authorization/i);
  const strict = httpStage({ env: { CORS_ORIGINS: 'https://a.example, https://b.example' } });
  t.is((await preflight(strict, 'https://b.example')).headers.get('access-control-allow-origin'), 'https://b.example');
  t.is((await preflight(strict, 'https://c.example')).headers.get('access-control-allow-origin'), null);
});

async function listening(t: ExecutionContext, stage: HttpStage): Promise<{ port: number; url: string }> {
  stage.server.listen(0, '127.0.0.1');
  await once(stage.server, 'listening');
  t.teardown(() => {
    stage.server.closeAllConnections();
    stage.server.close();
  });
  const { port } = stage.server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}

/** All that the server says on a raw connection until it ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

test('over a real port: slow headers, slow bodies, huge headers and bad hosts end, others are served', async (t) => {
  const stage = httpStage({ timeouts: { headers: 200, request: 400, check: 50, keepAlive: 1_000, linger: 1_000 } });
  const { port, url } = await listening(t, stage);
  const token = tokenOf('ann');
  const head = `Host: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const [headers, body, huge, host] = await Promise.all([
    exchange(port, 'GET /live HTTP/1.1\r\nHost: x\r\nX-Slow: '),
    exchange(port, `POST /messages HTTP/1.1\r\n${head}Content-Length: 100\r\n\r\n{"room`),
    exchange(port, `GET /live HTTP/1.1\r\nHost: x\r\nX-Huge: ${'x'.repeat(20_000)}\r\n\r\n`),
    exchange(port, 'GET /live HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'),
  ]);
  t.regex(headers, /^HTTP\/1.1 408/);
  t.regex(body, /^HTTP\/1.1 (408|400)/);
  t.regex(huge, /^HTTP\/1.1 431/);
  t.regex(host, /^HTTP\/1.1 400[\s\S]*"code":"MALFORMED"/);
  t.is((await fetch(`${url}/live`)).status, 200);
  t.false(
    stage.lines.some(({ level }) => level >= 50),
    JSON.stringify(stage.lines),
  );
});

const patient = { headers: 60_000, request: 60_000, check: 60_000, keepAlive: 60_000, linger: 60_000 };

test('over a real port: what is no HTTP is refused as JSON, and never amid another answer', async (t) => {
  // Only the last case is about time: the others must not be cut off on a slow machine.
  const { port, url } = await listening(t, httpStage({ timeouts: { ...patient } }));
  const hasty = await listening(t, httpStage({ timeouts: { ...patient, headers: 50, request: 100, check: 10 } }));
  const cases: readonly (readonly [bytes: string, status: number, code: string])[] = [
    ['GARBAGE\r\n\r\n', 400, 'MALFORMED'],
    ['GET /live HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'MALFORMED'],
    ['POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'MALFORMED'],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'TOO_LARGE'],
    ['GET /live HTTP/1.1\r\nX-Slow: ', 408, 'MALFORMED'],
  ];
  for (const [bytes, status, code] of cases) {
    const [head = '', body = ''] = (await exchange(status === 408 ? hasty.port : port, bytes)).split('\r\n\r\n');
    t.true(head.startsWith(`HTTP/1.1 ${status} `), head);
    t.like(JSON.parse(body), { success: false, code });
  }
  const pair = await exchange(port, 'GET /live HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n');
  t.regex(pair, /^HTTP\/1.1 (200|400) /);
  for (const answer of pair.split('HTTP/1.1 ').slice(1))
    t.notThrows(() => JSON.parse(answer.slice(answer.indexOf('{'))) as unknown, answer);
  t.is((await fetch(`${url}/live`)).status, 200);
});

test('over a real port: a caller who goes away in the midst of a body is no fault of the service', async (t) => {
  const stage = httpStage();
  const { port } = await listening(t, stage);
  const head = `Host: x\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Type: application/json\r\n`;
  const ways = [
    `${head}Content-Length: 100\r\n\r\n{"room`,
    `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"roo`,
    // Behind another request, and cut by the parser.
    `${head}Content-Length: 2\r\n\r\n{}POST /messages HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n0\r\n{"roo\r\n\r\n`,
  ];
  for (const way of ways) {
    const answered = once(stage.server, 'request').then(([, response]) => once(response as Writable, 'close'));
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST /messages HTTP/1.1\r\n${way}`);
    await once(stage.server, 'request');
    socket.resetAndDestroy();
    await answered;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.false(
    stage.lines.some(({ level }) => level >= 40),
    JSON.stringify(stage.lines),
  );
});

test('over a real port: a body too large is 413 with and without a length, and a message goes through', async (t) => {
  const stage = httpStage();
  const { url } = await listening(t, stage);
  const headers = { authorization: `Bearer ${tokenOf('ann')}`, 'content-type': 'application/json' };
  const large = JSON.stringify({ room_id: 'r', content: 'x', more: 'y'.repeat(200_000) });
  t.is(
    (await answerOf(await fetch(`${url}/messages`, { method: 'POST', headers, body: large }))).body['code'],
    'TOO_LARGE',
  );
  const stream = new Blob([large]).stream();
  const chunked = await fetch(`${url}/messages`, { method: 'POST', headers, body: stream, duplex: 'half' });
  t.is(chunked.status, 413);
  await chunked.text();
  const sent = await fetch(`${url}/messages`, { method: 'POST', headers, body: '{"room_id":"r","content":"😀"}' });
  t.is(sent.status, 201);
  t.like(stage.rooms.commands[0], { content: '😀' });
});

/** A refused request in the ways that a body can be announced; `rest` follows on the same connection. */
function tooLarge(size: number, chunked: boolean, rest = ''): string {
  const head = `POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Type: application/json\r\n`;
  const body = 'x'.repeat(size);
  return chunked
    ? `${head}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n${rest}`
    : `${head}Content-Length: ${size}\r\n\r\n${body}${rest}`;
}

for (const chunked of [false, true])
  test(`over a real port: a refusal reaches a client that sends ${chunked ? 'chunks' : 'a length'} and all of it before it reads`, async (t) => {
    const stage = httpStage();
    const { port } = await listening(t, stage);
    const another = `POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{"room_id":"r","content":"x"}`;
    const sizes = [70_000, 1_000_000, 8_000_000];
    for (const size of sizes) {
      const socket = connect(port, '127.0.0.1');
      const closed = once(socket, 'close');
      let text = '';
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        // The last is far behind the answer; closer by, the parser may have dealt with it before.
        socket.write(tooLarge(size, chunked, size === sizes.at(-1) ? another : ''), (error) => {
          if (!error) resolve();
        });
      });
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      await closed;
      t.regex(text, /^HTTP\/1.1 413 [\s\S]*"code":"TOO_LARGE"[^H]*$/);
      t.regex(text, /^connection: close\r$/im);
    }
    t.deepEqual(stage.rooms.commands, [], 'nothing behind the answer that closes is a request');
  });

for (const [bound, linger] of [
  ['time', 50],
  ['bytes', 60_000],
] as const)
  test(`over a real port: a refused client that goes on sending is cut when the ${bound} of the closing is over`, async (t) => {
    const stage = httpStage({ timeouts: { ...patient, linger } });
    const { port } = await listening(t, stage);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    let text = '';
    socket.on('error', () => undefined).setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.write(tooLarge(70_000, false).replace('Content-Length: 70000', 'Content-Length: 9000000000'));
    const more = Buffer.alloc(bound === 'time' ? 1 : 1024 * 1024, 'x');
    const send = (): void => void (socket.writable && socket.write(more, () => setImmediate(send)));
    send();
    await closed;
    t.regex(text, /^HTTP\/1.1 413 /);
  });

test('over a real port: while draining every answer closes its connection, and new work is refused', async (t) => {
  const stage = httpStage();
  const { url } = await listening(t, stage);
  stage.health.enter('draining');
  const response = await fetch(`${url}/messages/room/r`, { headers: { authorization: `Bearer ${tokenOf('ann')}` } });
  t.is(response.status, 503);
  t.is(response.headers.get('connection'), 'close');
  t.is(response.headers.get('retry-after'), '1');
  t.like(await response.json(), { success: false, code: 'DRAINING' });
  const live = await fetch(`${url}/live`);
  t.is(live.status, 200);
  t.is(live.headers.get('connection'), 'close');
});
