/** Two nodes and one broker: commands are run once, their effect is everywhere, and each event is sent by whoever owns its room. */
import anyTest from 'ava';
import { randomUUID } from 'node:crypto';
import { hasRedis } from '../chaos/servers/redis.js';
import { ChatClient } from '../harness/client.js';
import { eventually } from '../harness/eventually.js';
import { openChatRooms } from '../harness/neighbour.js';
import { RestClient } from '../harness/rest.js';
import { RunningService } from '../harness/service.js';
import { Stage, unique } from '../harness/stage.js';
import type { WireMessage } from '../harness/wire.js';
import { hasBroker, Listener, messageOf } from './support/listener.js';

const test = hasBroker && hasRedis ? anyTest.serial : anyTest.serial.skip;
const stage = new Stage();
const members = new Map<string, readonly string[]>();
let listener: Listener;
let other: RunningService;

anyTest.before(async () => {
  if (!hasBroker || !hasRedis) return;
  listener = await Listener.open();
  const chatRooms = await openChatRooms(members);
  const env = {
    ...listener.env(),
    CHAT_ROOM_SERVICE_URL: chatRooms.url,
    NEIGHBOUR_CACHE_TTL_MS: '600000',
    REDIS_HOST: process.env['TEST_REDIS_HOST'] ?? '127.0.0.1',
    REDIS_PORT: process.env['TEST_REDIS_PORT'] ?? '6379',
    REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`,
  };
  await stage.open(env);
  stage.defer(() => chatRooms.close());
  other = await RunningService.start({ ...stage.databaseEnv, ...env });
  stage.defer(() => other.kill9());
  for (const { output } of [stage.service, other])
    await output.waitFor('the broker', ({ msg }) => msg === 'connected to the broker');
});
anyTest.after.always(async () => {
  await stage.strike();
  if (hasBroker && hasRedis) await listener.close();
});

async function member(service: RunningService, userId: string, room: string): Promise<ChatClient> {
  const client = await ChatClient.connect(service.url, userId);
  stage.defer(() => client.close());
  await client.join(room);
  return client;
}

test('a removal ends access on both nodes at the same place of the stream', async (t) => {
  // Several rooms, so that each node owns some.
  for (const room of Array.from({ length: 6 }, () => unique('nodes'))) {
    members.set(room, ['ann', 'bob']);
    const [ann, here, there] = [
      await member(other, 'ann', room),
      await member(stage.service, 'bob', room),
      await member(other, 'bob', room),
    ];
    const sends = Array.from({ length: 30 }, (_, n) => ann.send(room, `${n}`));
    members.set(room, ['ann']);
    await listener.tell('message.broadcast.member_removed', { roomId: room, userId: 'bob' });
    sends.push(...Array.from({ length: 30 }, (_, n) => ann.send(room, `${n + 30}`)));
    for (const bob of [here, there]) await bob.wait('room_left');
    await Promise.all(sends);
    const inspector = await stage.inspector();
    const [removal] = await inspector.rows<{ version: string }>(
      'select version from room_removals where room_key = $1',
      [room],
    );
    const place = Number(removal?.version);
    for (const bob of [here, there]) {
      await bob.barrier();
      const versions = bob.all('new_message').map((message) => (message as WireMessage).version);
      t.deepEqual(
        versions,
        Array.from({ length: place - 1 }, (_, i) => i + 1),
      );
    }
    t.like(await here.ask('join_room', { roomId: room }), { code: 'NOT_FOUND' });
    t.like(await there.ask('join_room', { roomId: room }), { code: 'NOT_FOUND' });
    for (const { url } of [stage.service, other])
      t.is((await new RestClient(url, 'bob').get(`/messages/room/${room}`)).status, 404);
  }
});

test('every message of either node is an event once, in order', async (t) => {
  for (const room of Array.from({ length: 6 }, () => unique('events'))) {
    members.set(room, ['ann', 'bob']);
    const [ann, bob] = [await member(stage.service, 'ann', room), await member(other, 'bob', room)];
    for (let n = 0; n < 20; n++) await Promise.all([ann.send(room, `${n}`), bob.send(room, `${n}`)]);
    const sent = () =>
      listener.heard.filter((event) => event.key === 'message.room.sent' && messageOf(event)['room_id'] === room);
    await eventually(() => Promise.resolve(sent().length >= 40), '40 events');
    t.deepEqual(
      [...new Set(sent().map((event) => messageOf(event)['seq']))],
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  }
});

test('events of a node that is killed are sent by the one that takes its rooms over', async (t) => {
  const rooms = Array.from({ length: 12 }, () => unique('takeover'));
  for (const room of rooms) {
    members.set(room, ['ann']);
    const rest = new RestClient(other.url, 'ann');
    for (let n = 0; n < 3; n++) t.is((await rest.post('/messages', { room_id: room, content: `${n}` })).status, 201);
  }
  await other.kill9();
  for (const room of rooms)
    for (const seq of [1, 2, 3])
      await listener.event(
        `${room} ${seq}`,
        (event) =>
          event.key === 'message.room.sent' && messageOf(event)['room_id'] === room && messageOf(event)['seq'] === seq,
      );
  t.pass();
});
