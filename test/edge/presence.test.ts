/** Who is online, and what the User Presence Service hears of it. */
import test from 'ava';
import { createPresence } from '../../src/edge/presence.js';
import { configOf, recordedLog } from './support/fakes.js';
import { json, neighbour } from './support/neighbour.js';

function local(now: () => number = () => 0): ReturnType<typeof createPresence> {
  return createPresence({ config: configOf(), log: recordedLog().log, now });
}

test('a user is online with a socket, until the last is gone', async (t) => {
  const presence = local();
  presence.disconnected('ann');
  presence.connected('ann');
  presence.connected('ann');
  presence.disconnected('ann');
  t.deepEqual(await presence.online(['ann', 'bob']), { ann: true, bob: false });
  presence.disconnected('ann');
  t.deepEqual(await presence.online(['ann']), { ann: false });
});

test('a heartbeat keeps a user online for PRESENCE_TTL_MS; a logout ends it, and sockets with it, until the next sign', async (t) => {
  let now = 0;
  const presence = local(() => now);
  presence.heartbeat('ann');
  now = 59_999;
  t.deepEqual(await presence.online(['ann']), { ann: true });
  now = 60_000;
  t.deepEqual(await presence.online(['ann']), { ann: false });
  presence.connected('ann');
  presence.logout('ann');
  t.deepEqual(await presence.online(['ann']), { ann: false });
  presence.heartbeat('ann');
  now = 200_000;
  t.deepEqual(await presence.online(['ann']), { ann: true }, 'the socket counts again');
});

test('a logout is over with the last socket: who comes again is online', async (t) => {
  const presence = local();
  presence.logout('ann');
  presence.connected('ann');
  t.deepEqual(await presence.online(['ann']), { ann: true }, 'who is not here cannot have logged out of a socket');
  presence.connected('ann');
  presence.logout('ann');
  presence.disconnected('ann');
  t.deepEqual(await presence.online(['ann']), { ann: false }, 'a socket is left, but its user has logged out');
  presence.disconnected('ann');
  presence.connected('ann');
  t.deepEqual(await presence.online(['ann']), { ann: true });
});

test('a user named __proto__ is a user', async (t) => {
  const presence = local();
  presence.connected('__proto__');
  t.is(JSON.stringify(await presence.online(['__proto__', 'constructor'])), '{"__proto__":true,"constructor":false}');
});

test('the first and the last socket are told, in order', async (t) => {
  const service = await neighbour(t, json({ success: true }));
  const presence = createPresence({ config: configOf({ PRESENCE_SERVICE_URL: service.url }), log: recordedLog().log });
  await presence.start();
  presence.connected('ann');
  presence.connected('ann');
  presence.disconnected('ann');
  presence.disconnected('ann');
  await presence.stop();
  t.deepEqual(
    service.calls.map(({ method, path, body }) => [method, path, JSON.parse(body) as unknown]),
    [
      ['POST', '/presence', { userId: 'ann', status: 'online' }],
      ['POST', '/presence', { userId: 'ann', status: 'offline' }],
    ],
  );
});

test('a report that fails is repeated once the service is back, with the newest status only', async (t) => {
  const service = await neighbour(t, json({}, 503));
  const { log, lines } = recordedLog();
  const presence = createPresence({ config: configOf({ PRESENCE_SERVICE_URL: service.url }), log });
  presence.connected('ann');
  await service.seen(1);
  presence.disconnected('ann');
  presence.connected('ann');
  presence.disconnected('ann');
  service.handler = json({ success: true });
  await service.seen(2);
  await presence.stop();
  t.deepEqual(JSON.parse(service.calls[1]?.body ?? 'null'), { userId: 'ann', status: 'offline' });
  t.is(service.calls.length, 2);
  t.is(lines.filter(({ kind }) => kind === 'presence_failed').length, 1);
});

test('a stop before the start, a double stop and a stop beside a dead service all end', async (t) => {
  const presence = createPresence({
    config: configOf({ PRESENCE_SERVICE_URL: 'http://127.0.0.1:1', NEIGHBOUR_TIMEOUT_MS: '50' }),
    log: recordedLog().log,
  });
  presence.connected('ann');
  await Promise.all([presence.stop(), presence.stop()]);
  await presence.stop();
  presence.connected('bob');
  t.pass();
});
