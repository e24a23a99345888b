/** Packets of any shape: each is answered or ends its own connection; nobody else notices. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { WebSocket } from 'ws';
import { ask, rawText, world } from './support/world.js';

const isError = (text: string): boolean => text.startsWith('42["error"');

test('malformed events are each answered with an error, and the connection lives on', async (t) => {
  const { raw } = await world(t);
  const ws = await raw('mallory');
  const hostile = [
    '42["send_message"]',
    '42["send_message",{"room_id":"r","content":"x"},{"extra":1}]',
    '42["send_message",[]]',
    '42["send_message",7]',
    '42["send_message","text"]',
    '42["send_message",null]',
    '42["send_message",null,{"room_id":"r"}]',
    '42["no_such_event",{}]',
    '42["__proto__",{}]',
    '42["constructor",{}]',
    '42["hasOwnProperty",{}]',
    '42[7,{}]',
    '42',
    '42[""]',
    `42["${'n'.repeat(60_000)}",{}]`,
    `42["send_message",${'['.repeat(30_000)}${']'.repeat(30_000)}]`,
    '42["authenticate"]',
    '42["\\ud800",{}]',
  ];
  for (const packet of hostile) {
    const answer = rawText(ws, isError);
    ws.send(packet);
    const text = await answer;
    t.regex(text, /"code":"VALIDATION"/, packet.slice(0, 60));
    t.true(text.length < 500);
  }
  const page = rawText(ws, (text) => text.startsWith('4377['));
  ws.send('4277["get_messages",{}]');
  t.regex(await page, /^4377\[\{"success":true/);
});

test('binary attachments are refused wherever they hide', async (t) => {
  const { raw } = await world(t);
  const ws = await raw('mallory');
  for (const place of [
    '{"_placeholder":true,"num":0}',
    '{"room_id":"r","content":"x","extra":{"_placeholder":true,"num":0}}',
    '{"room_id":"r","content":"x","metadata":{"a":[{"b":{"_placeholder":true,"num":0}}]}}',
  ]) {
    const answer = rawText(ws, isError);
    ws.send(`451-["send_message",${place}]`);
    ws.send(Buffer.from('attachment'));
    t.regex(await answer, /"code":"VALIDATION"/);
  }
});

test('acknowledgement ids of any size are answered or ignored, ten thousand at once are bounded', async (t) => {
  const { raw, chat } = await world(t, { ackBacklog: 100, socketBufferBytes: 4_194_304 });
  const ws = await raw('mallory');
  for (const id of ['9'.repeat(400), '1 2', '99999999999999999999']) {
    const answer = rawText(ws, isError);
    ws.send(`42${id}["send_message",{}]`);
    t.regex(await answer, /"code":"VALIDATION"/);
  }
  let overloaded = 0;
  const counted = new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      if (data.toString().includes('"code":"OVERLOADED"')) overloaded += 1;
      if (overloaded === 9_900) resolve();
    });
  });
  for (let id = 0; id < 10_000; id += 1) ws.send(`42${id}["send_message",{"room_id":"r","content":"x"}]`);
  await counted;
  t.is(chat.waiting, 100);
  const last = rawText(ws, (text) => text.startsWith('4399['));
  chat.commit();
  t.regex(await last, /^4399\[\{"success":true/);
});

test('packets that cannot be parsed are told so and end their own connection only', async (t) => {
  const { raw, client } = await world(t);
  const other = await client('alice');
  for (const packet of ['42{', '4x', '42["send_message",{]', '49["x"]', '451000000-["x"]', '42["disconnect"]']) {
    const ws = await raw('mallory');
    const told = rawText(ws, isError);
    const closed = new Promise((resolve) => ws.once('close', resolve));
    ws.send(packet);
    t.regex(await told, /"code":"MALFORMED"/, packet);
    await closed;
  }
  for (const packet of ['x'.repeat(70_000), '9', '', '41', '40', '40/admin,', '44{"message":"x"}']) {
    const ws = await raw('mallory');
    const over = new Promise((resolve) => ws.once('close', resolve));
    ws.on('error', () => undefined);
    ws.send(packet);
    if (packet === '40/admin,') ws.close();
    await over;
  }
  t.like(await ask(other, 'get_messages', {}), { success: true });
});

test('a connection is one session at most, however often it connects in one go', async (t) => {
  const { client, metrics, url } = await world(t);
  const other = await client('alice');
  const opened = await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text();
  const polling = `${url}/socket.io/?EIO=4&transport=polling&sid=${/"sid":"([\w-]+)"/.exec(opened)?.[1] ?? ''}`;
  let most = 0;
  let sockets = metrics.sockets;
  Object.defineProperty(metrics, 'sockets', {
    get: () => sockets,
    set: (now: number) => (most = Math.max(most, (sockets = now))),
  });
  await fetch(polling, { method: 'POST', body: Array<string>(1_000).fill('40').join('\u001e') });
  // What was written, then the end.
  for (let polls = 0; polls < 2; polls += 1) await (await fetch(polling)).text();
  t.true(most <= 2, `${most} sessions`);
  t.like(await ask(other, 'get_messages', {}), { success: true });
  t.is(metrics.sockets, 1, 'it is closed');
});

test('a connection that has left the namespace is closed: nobody would ask it any more who it is', async (t) => {
  const { port } = await world(t, { handshakesMax: 1 });
  for (let i = 0; i < 3; i += 1) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    const closed = new Promise((resolve) => ws.once('close', resolve));
    await rawText(ws, (text) => text.startsWith('0'));
    ws.send('40');
    await rawText(ws, (text) => text.startsWith('40'));
    ws.send('41');
    await closed;
  }
  t.pass();
});

test('garbage before and instead of a handshake harms nothing', async (t) => {
  const { client, port, url } = await world(t, { authTimeoutMs: 200 });
  for (const packet of ['42["send_message",{}]', '40[]', '40"x"', '40{"token":{"toString":1}}', '5', '1']) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    ws.on('error', () => undefined);
    const closed = new Promise((resolve) => ws.once('close', resolve));
    await new Promise((resolve) => ws.once('open', resolve));
    ws.send(packet);
    await closed;
  }
  for (const query of [
    '',
    '?EIO=3&transport=polling',
    '?EIO=4&transport=__proto__',
    '?EIO=4&transport=polling&sid=__proto__',
  ]) {
    const answer = await fetch(`${url}/socket.io/${query}`);
    t.is(answer.status, 400);
    t.like(await answer.json(), { success: false, code: 'MALFORMED' });
  }
  const opened = await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text();
  const sid = /"sid":"([\w-]+)"/.exec(opened)?.[1] ?? '';
  for (const method of ['PUT', 'DELETE', 'PATCH'])
    t.is((await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method })).status, 404);
  const upgrade = connect(port, '127.0.0.1');
  upgrade.write(
    'GET /socket.io/?EIO=4&transport=websocket&sid=nobody HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n' +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const refused = await text(upgrade);
  t.regex(refused, /^HTTP\/1\.1 400 Bad Request\r\n/);
  t.regex(refused, /\r\n\r\n\{"success":false,"message":"Session ID unknown","code":"MALFORMED"\}$/);
  t.like(await ask(await client('alice'), 'get_messages', {}), { success: true });
});

test('what is refused costs a request: unknown events, data of no shape, repeated authentication', async (t) => {
  for (const [event, data] of [
    ['no_such_event', {}],
    ['send_message', 7],
    ['authenticate', { userId: 'alice', token: 'alice' }],
  ] as const) {
    let left = 2;
    const requests = { take: () => (left-- > 0 ? 0 : 1_500) };
    const alice = await (await world(t, {}, requests)).client('alice');
    for (let n = 0; n < 2; n += 1) {
      const { code } = (await ask(alice, event, data)) as { code?: string };
      t.not(code, 'RATE_LIMITED', event);
    }
    t.like(await ask(alice, event, data), { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_500 });
  }
});
