/** Storms of reconnects: bounded work at a time, a quick refusal for the rest, and everybody gets in. */
import test from 'ava';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { ask, world } from './support/world.js';

test('over HANDSHAKES_MAX a connection is refused at once, and all of a storm get in by coming again', async (t) => {
  const { url, port, metrics, client } = await world(t, { handshakesMax: 4, socketsPerUser: 1000 });
  const idle = Array.from(
    { length: 4 },
    () => new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`),
  );
  t.teardown(() => {
    for (const one of idle) one.terminate();
  });
  await Promise.all(idle.map((one) => new Promise((resolve) => one.once('message', resolve))));
  const refused = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
  t.is(refused.status, 503);
  t.is(refused.headers.get('retry-after'), '1');
  t.like(await refused.json(), { code: 'OVERLOADED' });
  await t.throwsAsync(client('ann'));
  for (const one of idle) one.terminate();

  const storm = Array.from({ length: 300 }, (_, i) => {
    const options = { transports: ['websocket'], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200 };
    const socket = io(url, { ...options, auth: { token: `user${i}` } });
    t.teardown(() => socket.disconnect());
    return new Promise<void>((resolve) => socket.once('connect', resolve));
  });
  await Promise.all(storm);
  t.is(metrics.sockets, 300);
  t.true(metrics.refusedConnections >= 2);
});

test('over JOINS_MAX a join is refused with a time to come again, and room is made by each that is answered', async (t) => {
  const { chat, client } = await world(t, { joinsMax: 2 });
  const [ann, bob] = [await client('ann'), await client('bob')];
  ann.emit('join_room', { roomId: 'a' });
  ann.emit('join_room', { roomId: 'b' });
  await chat.arrived(2);
  const refused = await ask(bob, 'join_room', { roomId: 'c' });
  t.like(refused, { success: false, code: 'OVERLOADED', retryable: true });
  t.true(Number((refused as { retryAfterMs: number }).retryAfterMs) >= 250);
  chat.commit();
  const joined = ask(bob, 'join_room', { roomId: 'c' });
  await chat.arrived(1);
  chat.commit();
  t.like(await joined, { success: true });
});
