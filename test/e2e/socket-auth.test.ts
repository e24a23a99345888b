/** Who may speak on a socket: handshake, event, time-out, expiry, and the bounds of connections. */
import test from 'ava';
import { ChatClient } from '../harness/client.js';
import { ownStage, stageFor, unique } from '../harness/stage.js';
import { tokenFor } from '../harness/token.js';
import type { WireError } from '../harness/wire.js';
import { clientEvents } from '../harness/wire.js';

const stage = stageFor(test, { SOCKETS_PER_USER: '3' });

async function refusal(connect: Promise<ChatClient>): Promise<{ code?: string; message: string }> {
  try {
    (await connect).close();
    return { message: 'it connected' };
  } catch (error) {
    const { data, message } = error as Error & { data?: { code?: string } };
    return { ...(data?.code === undefined ? {} : { code: data.code }), message };
  }
}

test('a token in the handshake is enough, over both transports', async (t) => {
  for (const transport of ['websocket', 'polling'] as const) {
    const client = await stage.client(unique('han'), { transports: [transport] });
    t.is((await client.send(unique('room'), 'x')).sender_id, client.userId);
  }
});

test('a bad token in the handshake is refused with its code', async (t) => {
  t.is((await refusal(stage.client('eve', { token: tokenFor('eve', { secret: 'wrong' }) }))).code, 'UNAUTHENTICATED');
  t.is((await refusal(stage.client('eve', { token: 'garbage' }))).code, 'UNAUTHENTICATED');
  t.is((await refusal(stage.client('eve', { token: tokenFor('eve', { expiresInS: -5 }) }))).code, 'TOKEN_EXPIRED');
});

test('the event authenticate answers authenticated, with and without an ack', async (t) => {
  const userId = unique('eva');
  for (const acked of [true, false]) {
    const client = await stage.client(userId, { token: null });
    const data = { userId, token: tokenFor(userId) };
    if (acked) t.like(await client.ask('authenticate', data), { success: true });
    else client.tell('authenticate', data);
    t.like((await client.wait('authenticated')).data, { success: true, userId });
    t.is((await client.send(unique('room'), 'x')).sender_id, userId);
  }
});

test('the event authenticate refuses a token of another user, and a bad one', async (t) => {
  for (const data of [
    { userId: 'ann', token: tokenFor('eve') },
    { userId: 'eve', token: tokenFor('eve', { secret: 'wrong' }) },
    { userId: 'eve', token: tokenFor('eve', { expiresInS: -5 }) },
    { userId: 'eve' },
    { token: 7 },
  ]) {
    const client = await stage.client('eve', { token: null });
    client.tell('authenticate', data);
    const { data: told } = await client.wait('authenticated');
    t.like(told, { success: false }, JSON.stringify(data));
    t.is(typeof (told as { error: unknown }).error, 'string');
    const ack = await client.ask('send_message', { room_id: 'r', content: 'x' });
    t.like(ack, { success: false, code: 'UNAUTHENTICATED' });
  }
});

test('authenticate with data of no shape at all is an error, and authenticates nobody', async (t) => {
  for (const data of [null, 'token', [], 7]) {
    const client = await stage.client('eve', { token: null });
    client.tell('authenticate', data);
    await client.wait('error', ({ event }: WireError) => event === 'authenticate');
    t.like(await client.ask('send_message', { room_id: 'r', content: 'x' }), {
      success: false,
      code: 'UNAUTHENTICATED',
    });
    client.close();
  }
});

test('an authenticated socket cannot become another user', async (t) => {
  const client = await stage.client('bea');
  t.like(await client.ask('authenticate', { userId: 'ann', token: tokenFor('ann') }), { success: false });
  t.is((await client.send(unique('room'), 'x')).sender_id, 'bea');
});

test('before authentication every event answers error, and the socket is closed after AUTH_TIMEOUT_MS', async (t) => {
  const own = await ownStage(t, { AUTH_TIMEOUT_MS: '4000' });
  const client = await own.client('eve', { token: null });
  // All at once: the time runs.
  for (const event of clientEvents)
    client.tell(event, { roomId: 'r', room_id: 'r', content: 'x', messageIds: ['x'], messageId: 'x' });
  for (const event of clientEvents) {
    const { data } = await client.wait('error', (error: WireError) => error.event === event);
    t.deepEqual(data, { message: 'Not authenticated', code: 'UNAUTHENTICATED', event });
  }
  await client.wait('disconnect');
  t.false(client.socket.connected);
});

test('a socket that says nothing at all is closed after AUTH_TIMEOUT_MS, an authenticated one is not', async (t) => {
  const own = await ownStage(t, { AUTH_TIMEOUT_MS: '3000' });
  const silent = await own.client('eve', { token: null });
  const good = await own.client('ann-quiet');
  await silent.wait('disconnect');
  await good.barrier();
  t.true(good.socket.connected);
});

/** A client that joined and spoke before its token expired; on a slow machine the token has to live longer for that. */
async function inTime(userId: string, roomId: string, expiresInS = 2): Promise<ChatClient> {
  const expiresAt = (Math.floor(Date.now() / 1000) + expiresInS) * 1000;
  try {
    const client = await stage.client(userId, { token: tokenFor(userId, { expiresInS }) });
    const closed = client.wait('disconnect').then(() => Promise.reject(new Error('closed')));
    await Promise.race([client.join(roomId).then(() => client.send(roomId, 'in time')), closed]);
    return client;
  } catch (error) {
    if (Date.now() < expiresAt || expiresInS > 30) throw error;
    return inTime(userId, roomId, expiresInS * 2);
  }
}

test('a live socket is told TOKEN_EXPIRED and closed when its token expires; what it sends then changes nothing', async (t) => {
  const room = unique('room');
  const watcher = await stage.member('wat', room);
  const client = await inTime('exp', room);
  await client.wait('disconnect');
  t.true(client.all('error').some((data) => (data as WireError).code === 'TOKEN_EXPIRED'));
  t.like((await watcher.wait('user_left')).data, { userId: 'exp', roomId: room });
  t.is((await refusal(stage.client('exp', { token: tokenFor('exp', { expiresInS: -1 }) }))).code, 'TOKEN_EXPIRED');
});

test('a user has at most SOCKETS_PER_USER sockets, and a closed one makes place', async (t) => {
  const userId = unique('many');
  const clients = [await stage.client(userId), await stage.client(userId), await stage.client(userId)];
  t.is((await refusal(stage.client(userId))).code, 'TOO_MANY_SOCKETS');
  const other = await stage.client(unique('other'));
  t.true(other.socket.connected);
  const late = await stage.client(userId, { token: null });
  late.tell('authenticate', { userId, token: tokenFor(userId) });
  t.like((await late.wait('authenticated')).data, { success: false });
  clients[0]?.close();
  for (let place: ChatClient | null = null; place === null;)
    place = await ChatClient.connect(stage.url, userId).catch((error: Error & { data?: { code?: string } }) => {
      if (error.data?.code === 'TOO_MANY_SOCKETS') return null;
      throw error;
    });
  t.pass();
});

test('the node takes at most MAX_SOCKETS sockets', async (t) => {
  const own = await ownStage(t, { MAX_SOCKETS: '2' });
  await own.client('a');
  await own.client('b');
  t.not((await refusal(own.client('c'))).message, 'it connected');
});
