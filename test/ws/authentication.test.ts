/** Who may speak, as whom, and for how long. */
import test from 'ava';
import { ask, next, Recorder, world } from './support/world.js';

test('the handshake takes a token from auth or from a Bearer header', async (t) => {
  const { client, presence, metrics, chat } = await world(t);
  const first = await client('alice');
  const second = await client(null, { extraHeaders: { Authorization: 'Bearer bob' } });
  for (const socket of [first, second]) t.like(await ask(socket, 'get_messages', {}), { success: true });
  t.deepEqual(presence, ['+alice', '+bob']);
  t.is(metrics.sockets, 2);
  first.disconnect();
  while (metrics.sockets > 1) await ask(second, 'get_messages', {});
  t.deepEqual(presence, ['+alice', '+bob', '-alice']);
  t.deepEqual(chat.departed, []);
});

test('a bad token in the handshake is a connect_error with its code', async (t) => {
  const { client, logs } = await world(t);
  for (const [token, code] of [
    ['FORGED', 'UNAUTHENTICATED'],
    ['expired', 'TOKEN_EXPIRED'],
  ] as const) {
    t.like(await t.throwsAsync(client(token)), { data: { code, retryable: false } });
  }
  t.like(await t.throwsAsync(client(null, { auth: { token: { a: 1 } } })), { data: { code: 'UNAUTHENTICATED' } });
  t.false(logs.join('').includes('FORGED'));
});

test('without a token every event but authenticate is refused, then authenticate opens the door', async (t) => {
  const { client } = await world(t);
  const socket = await client(null);
  const hears = new Recorder(socket);
  t.deepEqual(await ask(socket, 'join_room', { roomId: 'r' }), {
    success: false,
    error: 'Not authenticated',
    code: 'UNAUTHENTICATED',
    retryable: false,
  });
  socket.emit('typing', { roomId: 'r' });
  await hears.until((all) => all.heard.length === 2);
  t.deepEqual(hears.of('error'), [
    { message: 'Not authenticated', code: 'UNAUTHENTICATED', event: 'join_room' },
    { message: 'Not authenticated', code: 'UNAUTHENTICATED', event: 'typing' },
  ]);
  t.like(await ask(socket, 'authenticate', { userId: 'bob', token: 'alice' }), { success: false, code: 'FORBIDDEN' });
  t.like(await ask(socket, 'authenticate', { token: 'alice' }), { success: false, code: 'VALIDATION' });
  t.deepEqual(await ask(socket, 'authenticate', { userId: 'alice', token: 'alice' }), {
    success: true,
    userId: 'alice',
  });
  t.deepEqual(hears.of('authenticated'), [
    { success: false, error: 'The token belongs to another user' },
    { success: false, error: 'userId is required' },
    { success: true, userId: 'alice' },
  ]);
  t.like(await ask(socket, 'get_messages', {}), { success: true });
  t.like(await ask(socket, 'authenticate', { userId: 'bob', token: 'bob' }), { success: false, code: 'FORBIDDEN' });
  t.like(await ask(socket, 'authenticate', { userId: 'alice', token: 'alice' }), { success: true });
});

test('a socket that keeps failing to authenticate is closed', async (t) => {
  const { client } = await world(t);
  const socket = await client(null);
  const closed = next(socket, 'disconnect');
  for (let i = 0; i < 5; i += 1) socket.emit('authenticate', { userId: 'alice', token: '?' });
  t.is(await closed, 'io server disconnect');
});

test('a socket that does not authenticate in time is told and closed', async (t) => {
  const { client } = await world(t, { authTimeoutMs: 100 });
  const socket = await client(null);
  const error = next(socket, 'error');
  const closed = next(socket, 'disconnect');
  t.like(await error, { code: 'UNAUTHENTICATED', event: null });
  t.is(await closed, 'io server disconnect');
});

test('a live socket is closed when its token expires, unless it was renewed', async (t) => {
  const { client } = await world(t);
  const [stale, renewed] = [await client(null), await client(null)];
  const error = next(stale, 'error');
  const closed = next(stale, 'disconnect');
  const soon = Date.now() + 1_000;
  renewed.emit('authenticate', { userId: 'bob', token: `bob~${soon}` });
  renewed.emit('authenticate', { userId: 'bob', token: 'bob' });
  stale.emit('authenticate', { userId: 'alice', token: `alice~${soon}` });
  t.deepEqual(await error, { message: 'The token has expired', code: 'TOKEN_EXPIRED', event: null });
  t.true(Date.now() >= soon);
  t.is(await closed, 'io server disconnect');
  t.like(await ask(renewed, 'get_messages', {}), { success: true });
});
