/** The Authentication and the User Presence Service: what we ask of them, and that neither is ever in the way. */
import test from 'ava';
import { eventually } from '../harness/eventually.js';
import { Neighbour } from '../harness/neighbour.js';
import { ownStage, stageFor, unique } from '../harness/stage.js';

const plain = stageFor(test, { PRESENCE_TTL_MS: '400' });

test('display names come from the Authentication Service once they are known, and never hold a send up', async (t) => {
  const neighbour = await Neighbour.open(({ path }) => {
    const id = decodeURIComponent(path.replace('/internal/users/', ''));
    return { status: 200, body: { success: true, user: { id, username: id, display_name: `Dr. ${id}` } } };
  });
  t.teardown(() => neighbour.close());
  const own = await ownStage(t, { AUTH_SERVICE_URL: neighbour.url });
  const ann = await own.client('ann/1', { username: 'annie' });
  const room = unique('room');
  await eventually(async () => {
    const message = await ann.send(room, 'x');
    t.like(message, { sender_id: 'ann/1', sender_name: 'annie', username: 'annie' });
    return message.sender_display_name === 'Dr. ann/1';
  }, 'the display name');
  t.true(neighbour.calls.every(({ path }) => path === '/internal/users/ann%2F1'));
  t.true(neighbour.calls.length <= 3, 'it is cached');
});

test('while the Authentication Service hangs or fails, messages carry the username', async (t) => {
  const neighbour = await Neighbour.open(() => undefined);
  t.teardown(() => neighbour.close());
  const own = await ownStage(t, { AUTH_SERVICE_URL: neighbour.url, NEIGHBOUR_TIMEOUT_MS: '200' });
  const ann = await own.client('ann', { username: 'annie' });
  for (const play of [
    () => undefined,
    () => ({ status: 500, body: 'x' }),
    () => ({ status: 200, body: { success: true, user: { display_name: 7 } } }),
  ]) {
    neighbour.play = play;
    t.is((await ann.send('r', 'x')).sender_display_name, 'annie');
  }
});

test('the Presence Service is told of a user’s first and last socket, in this order, and only of those', async (t) => {
  const neighbour = await Neighbour.open(() => ({ status: 200, body: { success: true } }));
  t.teardown(() => neighbour.close());
  const own = await ownStage(t, { PRESENCE_SERVICE_URL: neighbour.url });
  const [one, two] = [await own.client('pia'), await own.client('pia')];
  await neighbour.called('online', ({ body }) => (body as { status: string }).status === 'online');
  one.close();
  two.close();
  await neighbour.called('offline', ({ body }) => (body as { status: string }).status === 'offline');
  t.deepEqual(
    neighbour.calls.map(({ method, path, body }) => [method, path, body]),
    [
      ['POST', '/presence', { userId: 'pia', status: 'online' }],
      ['POST', '/presence', { userId: 'pia', status: 'offline' }],
    ],
  );
});

test('a Presence Service that hangs harms nobody', async (t) => {
  const neighbour = await Neighbour.open(() => undefined);
  t.teardown(() => neighbour.close());
  const own = await ownStage(t, { PRESENCE_SERVICE_URL: neighbour.url, NEIGHBOUR_TIMEOUT_MS: '200' });
  const ann = await own.member('ann', 'r');
  t.is((await ann.send('r', 'x')).seq, 1);
  ann.close();
  t.deepEqual(await own.service.stop(), { code: 0, signal: null });
});

interface Online {
  readonly success: boolean;
  readonly onlineStatus: Readonly<Record<string, boolean>>;
}

test('POST /presence/users tells who has a socket or a fresh heartbeat', async (t) => {
  const [sock, beat, gone] = [unique('sock'), unique('beat'), unique('gone')];
  const status = async (): Promise<Online['onlineStatus']> => {
    const answer = await plain.rest('ann').post('/presence/users', { userIds: [sock, beat, gone] });
    t.is(answer.status, 200);
    const body = JSON.parse(answer.text) as Online;
    t.true(body.success);
    return body.onlineStatus;
  };
  t.deepEqual(await status(), { [sock]: false, [beat]: false, [gone]: false });
  const client = await plain.client(sock);
  // On a slow machine a heartbeat may be over before it is asked for.
  await eventually(async () => {
    t.is((await plain.rest(beat).post('/presence/heartbeat', {})).status, 200);
    const now = await status();
    t.true(now[sock]);
    t.false(now[gone]);
    return now[beat];
  }, 'a fresh heartbeat');
  await eventually(async () => !(await status())[beat], 'the end of the heartbeat');
  t.true((await status())[sock], 'a socket stays online');
  t.is((await plain.rest(beat).post('/presence/heartbeat', {})).status, 200);
  t.is((await plain.rest(beat).post('/presence/logout', {})).status, 200);
  t.false((await status())[beat]);
  client.close();
  await eventually(async () => !(await status())[sock], 'the end of the socket');
});

test('POST /presence/users refuses what is no list of ids', async (t) => {
  for (const body of [{}, { userIds: 'x' }, { userIds: [1] }, { userIds: null }, []])
    t.is((await plain.rest('ann').post('/presence/users', body)).status, 400, JSON.stringify(body));
  const answer = await plain.rest('ann').post('/presence/users', { userIds: ['__proto__', 'constructor'] });
  t.is(answer.status, 200);
  t.false(answer.text.includes('true,') && answer.text.includes('native code'));
});
