/** REST requests, from almost valid to noise. */
import type { Random } from './random.js';
import { goodToken, someToken } from './tokens.js';
import { damaged, event, flipped, hostileValue, rooms, twisted, users, type Ids } from './values.js';
import { Connection, request, type RequestParts } from './wire.js';

/** One connection with one to three requests. Returns what was answered. */
export async function httpCase(random: Random, port: number, ids: Ids): Promise<string> {
  const connection = new Connection(port);
  for (let i = random.below(3); i >= 0; i--) {
    const bytes = spoiled(random, aRequest(random, ids));
    if (random.chance(0.2)) {
      const at = random.below(bytes.length + 1);
      connection.write(bytes.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      connection.write(bytes.subarray(at));
    } else connection.write(bytes);
  }
  const heard = await connection.finish();
  ids.learn(heard);
  return heard;
}

function aRequest(random: Random, ids: Ids): RequestParts {
  const authorization = `Authorization: Bearer ${random.chance(0.7) ? goodToken(random) : someToken(random)}`;
  const json = ['Content-Type: application/json', authorization];
  const room = encodeURIComponent(random.pick(rooms));
  const id = ids.pick(random);
  const data = event(random, ids)[1];
  const body = random.chance(0.6)
    ? twisted(random, data)
    : random.chance(0.5)
      ? JSON.stringify(data)
      : hostileValue(random);
  const number = (): string =>
    random.pick(['0', '1', '50', '201', '-1', '1e3', '9007199254740993', 'x', '', '%00', '[]', '00', '+1']);
  return random.pick<RequestParts>([
    { method: 'POST', path: '/messages', headers: json, body },
    { method: 'POST', path: '/messages', headers: json, body },
    { method: 'PUT', path: `/messages/${random.pick(['read', 'delivered'])}`, headers: json, body },
    { method: 'PATCH', path: `/messages/${id}`, headers: json, body },
    {
      method: 'DELETE',
      path: `/messages/${random.chance(0.7) ? id : encodeURIComponent(hostileValue(random).slice(0, 300).toWellFormed())}`,
      headers: json,
      body: null,
    },
    {
      method: 'GET',
      path: `/messages/room/${room}?limit=${number()}&${random.pick(['offset', 'before', 'after', 'around'])}=${number()}`,
      headers: json,
      body: null,
    },
    { method: 'GET', path: `/messages/direct/${random.pick(users)}?limit=${number()}`, headers: json, body: null },
    { method: 'GET', path: `/messages/unread/${room}`, headers: json, body: null },
    {
      method: 'GET',
      path: `/messages/room/${encodeURIComponent(hostileValue(random).slice(0, 1_000).toWellFormed())}`,
      headers: json,
      body: null,
    },
    { method: 'POST', path: `/presence/${random.pick(['heartbeat', 'logout', 'users'])}`, headers: json, body },
    {
      method: random.pick(['GET', 'HEAD', 'OPTIONS', 'TRACE']),
      path: random.pick(['/health', '/ready', '/live', '/metrics', '/', '*', '//', '/messages/../live']),
      headers: [],
      body: null,
    },
    {
      method: 'GET',
      path: `/socket.io/?EIO=${random.pick(['4', '3', 'x'])}&transport=${random.pick(['polling', 'websocket', 'x'])}&sid=${random.pick(['', 'x', '__proto__'])}`,
      headers: [],
      body: null,
    },
  ]);
}

/** Headers that contradict themselves or each other. */
const contradictions: readonly string[] = [
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: nonsense',
  'Upgrade: h2c\r\nConnection: Upgrade',
  'Upgrade: websocket\r\nConnection: Upgrade',
  'Connection: close',
  'Content-Encoding: gzip',
  'Content-Type: application/json; charset=utf-16',
  'Content-Type: multipart/form-data',
  'X-Request-Id: {"level":60}',
  'X-Forwarded-For: 127.0.0.1, unknown, ::1',
  'Origin: null',
  'Authorization: Basic Og==',
  'Authorization: Bearer',
  'Cookie: a=b; __proto__=c',
  'Range: bytes=0-18446744073709551615',
  'If-None-Match: *',
  'Accept: */*;q=x',
  ' folded: header',
  'no colon',
  'Host: second',
];

function spoiled(random: Random, parts: RequestParts): Buffer {
  switch (random.below(8)) {
    case 0:
      return flipped(random, request(parts));
    case 1:
      return Buffer.from(damaged(random, request(parts).toString('latin1')), 'latin1');
    case 2:
      return request({ ...parts, headers: [...parts.headers, random.pick(contradictions)] });
    case 3:
      return request({
        ...parts,
        headers: [...parts.headers, `X-Long: ${'x'.repeat(random.pick([100, 8_000, 20_000]))}`],
      });
    case 4: {
      // Chunks, some of which lie about their length.
      const body = Buffer.from(parts.body ?? 'x').toString('latin1');
      const size = random.chance(0.7)
        ? body.length.toString(16)
        : random.pick(['0', 'ffffffffffffffff', '-1', 'x', '1;a=b']);
      const head = request({ ...parts, headers: [...parts.headers, 'Transfer-Encoding: chunked'], body: null });
      return Buffer.concat([head, Buffer.from(`${size}\r\n${body}\r\n0\r\n\r\n`, 'latin1')]);
    }
    case 5:
      return request({ ...parts, body: parts.body === null ? null : flipped(random, Buffer.from(parts.body)) });
    case 6:
      return random.chance(0.2) ? random.bytes(random.below(300)) : request(parts);
    default:
      return request(parts);
  }
}
