/** Acknowledgements and events of the wire contract, one by one. */
import test from 'ava';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ask, next, Recorder, recorders, world } from './support/world.js';

test('a send is acknowledged with its message, whatever is in it', async (t) => {
  const { chat, client, metrics } = await world(t);
  chat.auto = true;
  const alice = await client('alice');
  const contents = [
    'plain',
    'quotes " and \\ and ]}',
    'ünïcödé 🎉 \u2028\u2029',
    '\ud800 alone',
    'x'.repeat(200),
    'é'.repeat(30_000),
  ];
  for (const content of contents) {
    t.like(await ask(alice, 'send_message', { room_id: 'r', content }), { success: true, message: { content } });
  }
  t.is(metrics.acks, contents.length);
});

test('many sends at once are each answered with their own message', async (t) => {
  const { chat, client } = await world(t);
  chat.auto = true;
  const alice = await client('alice');
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) => ask(alice, 'send_message', { room_id: `r${i % 3}`, content: `c${i}` })),
  );
  for (const [i, answer] of answers.entries()) t.like(answer, { success: true, message: { content: `c${i}` } });
});

test('a send without an acknowledgement is told of refusals only', async (t) => {
  const { chat, client } = await world(t);
  const alice = await client('alice');
  const hears = new Recorder(alice);
  alice.emit('send_message', { room_id: 'r', content: 'fine' });
  await chat.arrived(1);
  chat.commit();
  alice.emit('send_message', { room_id: 'r' });
  await hears.until((all) => all.heard.length > 0);
  t.deepEqual(hears.heard, [
    { event: 'error', body: { message: 'The request is not valid', code: 'VALIDATION', event: 'send_message' } },
  ]);
});

test('a refusal with an acknowledgement says whether and when to retry', async (t) => {
  const { client, metrics } = await world(t);
  const alice = await client('alice');
  t.deepEqual(await ask(alice, 'edit_message', {}), {
    success: false,
    error: 'Too many requests',
    code: 'RATE_LIMITED',
    retryable: true,
    retryAfterMs: 250,
  });
  t.deepEqual([...metrics.refusals], [['RATE_LIMITED', 1]]);
});

test('join, leave, typing, delete and history answer as promised', async (t) => {
  const { chat, client } = await world(t);
  chat.auto = true;
  const alice = await client('alice');
  const joined = next(alice, 'room_joined');
  const body = { roomId: 'r', messages: [], success: true, seq: 0, version: 0, unread: 0 };
  t.deepEqual(await ask(alice, 'join_room', { roomId: 'r' }), body);
  t.deepEqual(await joined, body);
  t.deepEqual(await ask(alice, 'typing', { roomId: 'r' }), { success: true });
  t.deepEqual(await ask(alice, 'stop_typing', { roomId: 'r' }), { success: true });
  t.deepEqual(await ask(alice, 'get_typing_users', { roomId: 'r' }), {
    success: true,
    roomId: 'r',
    typingUsers: ['zoe'],
  });
  const users = next(alice, 'typing_users');
  alice.emit('get_typing_users', { roomId: 'r' });
  t.deepEqual(await users, { roomId: 'r', typingUsers: ['zoe'] });
  t.deepEqual(await ask(alice, 'delete_message', {}), {
    success: true,
    messageId: 'm1',
    roomId: 'r',
    seq: 1,
    version: 2,
  });
  t.deepEqual(await ask(alice, 'get_messages', { roomId: 'r' }), {
    success: true,
    data: [{ id: 'm1' }],
    pagination: { limit: 50, offset: null, total: 1, next: null, prev: null },
  });
  const error = next(alice, 'error');
  alice.emit('get_messages', { roomId: 'r' });
  t.like(await error, { code: 'VALIDATION', event: 'get_messages' });
  const left = next(alice, 'room_left');
  t.deepEqual(await ask(alice, 'leave_room', { roomId: 'r' }), { success: true, roomId: 'r' });
  t.deepEqual(await left, { roomId: 'r', success: true });
});

test('a receipt is told to all sockets of the caller', async (t) => {
  const { client } = await world(t);
  const [first, second] = [await client('alice'), await client('alice')];
  const heard = [next(first, 'marked_read'), next(second, 'marked_read'), next(second, 'marked_delivered')];
  const answer = { success: true, userId: 'alice', roomId: 'r', messageIds: ['m1'], from: 0, upTo: 1 };
  t.deepEqual(await ask(first, 'mark_read', { messageIds: ['m1'], roomId: 'r' }), answer);
  first.emit('mark_delivered', { messageIds: ['m1'], roomId: 'r' });
  for (const one of heard) t.deepEqual(await one, answer);
});

test('a receipt over several conversations is told for each of them', async (t) => {
  const { client } = await world(t);
  const alice = await client('alice');
  const [hears] = await recorders(alice);
  t.like(await ask(alice, 'mark_read', { messageIds: ['m1'], roomId: 'many' }), {
    success: true,
    marked: [{ roomId: 'r' }, { roomId: 's' }],
  });
  t.deepEqual(
    hears.of('marked_read').map((body) => body['roomId']),
    ['r', 's'],
  );
  t.deepEqual(await ask(alice, 'mark_read', { messageIds: ['m1'], roomId: 'none' }), { success: true, marked: [] });
});

test('a throw behind the edge is answered INTERNAL, logged once, and harms nothing', async (t) => {
  const { client, logs } = await world(t);
  const alice = await client('alice');
  const answer = await ask(alice, 'mark_read', { roomId: 'throws' });
  t.deepEqual(answer, { success: false, error: 'Internal error', code: 'INTERNAL', retryable: false });
  t.is(logs.filter((line) => line.includes('handling an event threw')).length, 1);
  t.like(await ask(alice, 'get_messages', {}), { success: true });
});

test('one connection has a bound of rooms, of unanswered events, and one user of sockets', async (t) => {
  const { chat, client, join } = await world(t, { roomsPerSocket: 2, ackBacklog: 3, socketsPerUser: 1 });
  const alice = await client('alice');
  for (const roomId of ['a', 'b']) await join(alice, roomId);
  t.like(await ask(alice, 'join_room', { roomId: 'c' }), { success: false, code: 'FORBIDDEN' });
  const again = ask(alice, 'join_room', { roomId: 'a' });
  const sends = [1, 2].map(() => ask(alice, 'send_message', { room_id: 'a', content: 'x' }));
  t.like(await ask(alice, 'send_message', { room_id: 'a', content: 'x' }), { code: 'OVERLOADED', retryable: true });
  chat.commit();
  for (const one of [again, ...sends]) t.like(await one, { success: true });
  const error = await t.throwsAsync(client('alice'));
  t.like(error, { message: 'Too many connections of this user', data: { code: 'TOO_MANY_SOCKETS', retryable: false } });
});

test('draining tells every socket, refuses connections and events, and still answers what is on its way', async (t) => {
  const { chat, client, edge, metrics } = await world(t);
  const alice = await client('alice');
  const pending = ask(alice, 'send_message', { room_id: 'r', content: 'x' });
  await chat.arrived(1);
  const told = next(alice, 'server_draining');
  edge.drain();
  await told;
  t.like(await ask(alice, 'typing', { roomId: 'r' }), { code: 'DRAINING', retryable: true });
  await t.throwsAsync(client('bob'));
  await t.throwsAsync(client('bob', { transports: ['polling'] }));
  t.is(metrics.refusedConnections, 2);
  chat.commit();
  t.like(await pending, { success: true });
  const closed = next(alice, 'disconnect');
  await Promise.all([edge.stop(), edge.stop()]);
  t.is(await closed, 'transport close');
  t.is(metrics.sockets, 0);
  await edge.stop();
});

test('a drain waits until a polling client has come for what it was sent', async (t) => {
  const { edge, url } = await world(t, { shutdownGraceMs: 600_000 });
  const poll = async (sid: string, body?: string): Promise<string> => {
    const init = body === undefined ? {} : { method: 'POST', body };
    return (await fetch(`${url}/socket.io/?EIO=4&transport=polling${sid}`, init)).text();
  };
  const { sid } = JSON.parse((await poll('')).slice(1)) as { sid: string };
  await poll(`&sid=${sid}`, `40${JSON.stringify({ token: 'alice' })}`);
  t.regex(await poll(`&sid=${sid}`), /"authenticated"/);
  edge.drain();
  let taken = false;
  const waiting = edge.taken().then(() => (taken = true));
  // Another client's whole request comes and goes meanwhile.
  await poll('');
  t.false(taken);
  t.regex(await poll(`&sid=${sid}`), /"server_draining"/);
  await poll('');
  t.false(taken, 'it may not have read it yet');
  const again = poll(`&sid=${sid}`).catch(() => '');
  await waiting;
  await edge.stop();
  await again;
});

test('a drain waits no longer than its part of the grace for a client that does not come', async (t) => {
  const { edge, client } = await world(t, { shutdownGraceMs: 4 });
  const alice = await client('alice', { transports: ['polling'] });
  edge.drain();
  await t.notThrowsAsync(edge.taken());
  alice.disconnect();
});

test('stopping cuts connections that do not agree to close, with and without a namespace', async (t) => {
  const { port, edge } = await world(t);
  const mute = await Promise.all(
    ['', '40{"token":"alice"}'].map(async (first) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
      const heard = (what: string): Promise<void> =>
        new Promise((resolve) => socket.on('data', (data) => (data.includes(what) ? resolve() : undefined)));
      const open = heard('"sid"');
      const authenticated = heard('authenticated');
      await open;
      if (first === '') return socket;
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | first.length, 0, 0, 0, 0]), Buffer.from(first)]));
      await authenticated;
      return socket;
    }),
  );
  const closed = mute.map((socket) => once(socket, 'close'));
  await edge.stop();
  await Promise.all(closed);
  t.pass();
});

test('connections over the bound are refused with 503 and Retry-After on both transports', async (t) => {
  const { client, url } = await world(t, { maxSockets: 1 });
  await client('alice');
  const response = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
  t.is(response.status, 503);
  t.is(response.headers.get('retry-after'), '1');
  t.like(await response.json(), { success: false, code: 'OVERLOADED' });
  await t.throwsAsync(client('bob'));
});
