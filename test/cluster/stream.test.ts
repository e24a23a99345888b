/** Room streams between edges over a real Redis, and what happens when that is away or says nonsense. Needs Redis. */
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { directKey } from '../../src/actors/protocol/ids.js';
import { DirectRelay } from '../../src/runtime/cluster/direct.js';
import type { ClusterView } from '../../src/runtime/cluster/port.js';
import { RedisRoomStream } from '../../src/runtime/cluster/stream.js';
import { encodeStream, messageCapacity, placed } from '../../src/runtime/cluster/stream-codec.js';
import { createStreamMetrics } from '../../src/runtime/cluster/stream-metrics.js';
import { RedisLinks } from '../../src/runtime/cluster/transport/redis.js';
import { Receiver } from '../../src/runtime/cluster/receiver.js';
import { partitionOf } from '../../src/runtime/placement.js';
import { Hub } from '../../src/ws/hub.js';
import { createEdgeMetrics } from '../../src/ws/metrics.js';
import { recordedLog } from '../edge/support/fakes.js';
import { eventually } from '../harness/eventually.js';
import { calm, startLinks } from './support/links.js';
import { RedisServer } from './support/redis-server.js';
import { Listener, StoredRooms } from './support/streams.js';

const partitions = 4;
const key = 'room';
const view: ClusterView = {
  nodes: ['owner', 'edge'].map((id) => ({ id, draining: false })),
  owners: Array.from({ length: partitions }, () => ({ node: 'owner', epoch: 1 })),
};

async function nodeOf(t: ExecutionContext, name: string, port: number, prefix: string, store: StoredRooms) {
  const { log, lines } = recordedLog();
  const links = new RedisLinks({ settings: { host: '127.0.0.1', port, password: null, prefix }, log, probeMs: calm });
  const hub = new Hub(createEdgeMetrics(), log);
  const metrics = createStreamMetrics();
  const receiver = new Receiver({ edge: hub, reads: store, partitions, catchUpMessages: 500, metrics, log });
  const held = new Map(name === 'owner' ? view.owners.map((_, partition) => [partition, 1] as const) : []);
  const listeners: ((view: ClusterView) => void)[] = [];
  const membership = { view, onChange: (listener: (view: ClusterView) => void) => void listeners.push(listener) };
  const local = { held, onHeld: () => undefined };
  const stream = new RedisRoomStream({ node: name, partitions, links, membership, local, receiver, metrics, log });
  const relay = new DirectRelay({ node: name, partitions, links, membership, edge: hub, receiver, metrics, log });
  await startLinks(links);
  await stream.start();
  await relay.start();
  t.teardown(async () => {
    await relay.stop();
    await stream.stop();
    await links.stop();
  });
  return {
    links,
    hub,
    metrics,
    receiver,
    stream,
    relay,
    lines,
    see: (next: ClusterView) => listeners.forEach((one) => one(next)),
  };
}

async function pair(t: ExecutionContext, port = 6379) {
  const store = new StoredRooms();
  const prefix = `test-${randomUUID()}`;
  const [owner, edge] = [await nodeOf(t, 'owner', port, prefix, store), await nodeOf(t, 'edge', port, prefix, store)];
  const ann = new Listener('ann', edge.hub);
  const { standing, packet } = store.joined(key);
  await edge.stream.follow(key);
  edge.hub.join(key, ann.session, -1, standing, [packet]);
  const commit = (): ReturnType<StoredRooms['commit']> => store.commit(key, 'message_created', 0);
  const tell = (...events: ReturnType<StoredRooms['commit']>[]): void =>
    owner.stream.publish([placed({ key, events })]);
  const hears = (): unknown[] =>
    ann.heard.filter(({ event }) => event === 'new_message').map(({ body }) => body['seq']);
  const heard = (count: number) => eventually(async () => hears().length >= count, `${count} messages`);
  return { store, prefix, owner, edge, ann, commit, tell, hears, heard };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test('what an owner commits reaches the rooms of other edges in order', async (t) => {
  const { edge, commit, tell, hears, heard } = await pair(t);
  for (let i = 0; i < 50; i++) tell(commit(), commit());
  await heard(100);
  t.deepEqual(hears(), upTo(100));
  t.is(edge.metrics.holes, 0);
});

test('the last message of a room, when lost, is found by a beacon', async (t) => {
  const { owner, edge, commit, tell, hears, heard } = await pair(t);
  tell(commit());
  await heard(1);
  const lost = placed({ key, events: [commit()] });
  const { publish } = owner.links;
  owner.links.publish = () => true;
  owner.stream.publish([lost]);
  owner.links.publish = publish;
  await heard(2);
  t.deepEqual(hears(), [1, 2]);
  t.is(edge.metrics.repairs, 1);
});

test('what the dead owner of a partition did not tell any more is found when it gets a new one', async (t) => {
  const { edge, commit, hears, heard } = await pair(t);
  commit();
  edge.see({ ...view, owners: view.owners.map(() => ({ node: 'another', epoch: 2 })) });
  await heard(1);
  t.deepEqual(hears(), [1]);
});

test('a Redis that is killed and comes back: late, but complete and in order', async (t) => {
  const server = await RedisServer.start(t);
  const { owner, edge, ann, commit, tell, hears, heard } = await pair(t, server.port);
  tell(commit());
  await heard(1);
  await server.kill();
  await eventually(async () => !owner.links.up && !edge.links.up, 'the outage is seen');
  for (let i = 0; i < 20; i++) tell(commit());
  await heard(21);
  t.deepEqual(hears(), upTo(21), 'without Redis the store is asked');
  await server.start();
  await eventually(async () => owner.links.up && edge.links.up, 'Redis is back');
  tell(commit());
  await heard(22);
  t.deepEqual(hears(), upTo(22));
  t.true(
    ann.heard.some(
      ({ event, body }) => event === 'resync_required' && body['roomId'] === null && body['reason'] === 'gap',
    ),
  );
});

test('nonsense on a stream is refused with one line, counted, and harms nothing', async (t) => {
  const { edge, prefix, commit, tell, hears, heard } = await pair(t);
  const redis = new Redis();
  t.teardown(() => redis.disconnect());
  const good = { v: 1, partitions, partition: 1, node: 'x', epoch: 1, bursts: [], heads: [] };
  const event = ['["new_message",{}]', 1, null, 0];
  const bad = [
    '',
    'null',
    '[]',
    '{',
    '{"v":2}',
    JSON.stringify({ ...good, partitions: 64 }),
    JSON.stringify({ ...good, partition: partitions }),
    JSON.stringify({ ...good, epoch: -1 }),
    JSON.stringify({ ...good, epoch: 1e300 }),
    JSON.stringify({ ...good, node: 7 }),
    JSON.stringify({ ...good, heads: [['__proto__', 'x']] }),
    JSON.stringify({ ...good, bursts: [[key, 0, 1, [['not a packet', 1, null, 0]]]] }),
    JSON.stringify({ ...good, bursts: [[key, 0, 1, [[...event, 5]]]] }),
    JSON.stringify({ ...good, bursts: [[key, 0, 1, event]] }),
    JSON.stringify({ ...good, bursts: { length: 3 } }),
    `${'['.repeat(100_000)}`,
    ' '.repeat(messageCapacity + 1),
  ];
  for (const text of bad) await redis.publish(`${prefix}:stream:${partitionOf(key, partitions)}`, text);
  tell(commit());
  await heard(1);
  t.deepEqual(hears(), [1]);
  t.is(edge.metrics.refused, bad.length);
  t.is(edge.lines.filter(({ msg }) => msg === 'a message of a room stream was refused').length, 4, 'one per reason');
});

test('a message is split below its capacity, and an event that is larger by itself is left to repair', (t) => {
  const event = (version: number, size: number) => ({
    packet: `["x","${'y'.repeat(size)}"]`,
    version,
    except: null,
    at: 0,
  });
  const burst = placed({
    key,
    events: [...upTo(20).map((version) => event(version, 200_000)), event(21, messageCapacity)],
  });
  const texts = encodeStream({ v: 1, partitions, partition: 0, node: 'x', epoch: 1, bursts: [burst], heads: [] });
  t.true(texts.length > 10);
  t.true(texts.every((text) => text.length <= messageCapacity));
  t.is(texts.join('').match(/yyy\\"\]/g)?.length, 20);
});

test('direct conversations and receipts reach the other node, nothing twice, and what was lost is announced or filled', async (t) => {
  const { store, owner, edge } = await pair(t);
  const bob = new Listener('bob', edge.hub);
  const conversation = directKey('ann', 'bob');
  const sent: string[] = [];
  owner.relay.bind((text) => sent.push(text));
  const commit = () => placed({ key: conversation, events: [store.commit(conversation, 'message_created', 0)] });
  owner.relay.publish([commit()]);
  owner.relay.personal('bob', '["marked_read",{}]');
  for (const text of [...sent, ...sent.slice(0, 1)]) edge.relay.receive(text);
  edge.hub.flusher.flush();
  t.deepEqual(
    bob.heard.map(({ event, body }) => [event, body['version']]),
    [
      ['new_message', 1],
      ['marked_read', undefined],
    ],
  );
  // The next is lost; the head that is told every second shows it.
  owner.relay.publish([commit()]);
  sent.length = 0;
  await eventually(async () => sent.some((text) => text.includes('"heads"')), 'a beacon');
  for (const text of sent) edge.relay.receive(text);
  await eventually(async () => bob.heard.length === 3, 'the lost message');
  t.like(bob.heard[2], { event: 'new_message', body: { version: 2 } });
  // Of a conversation that this edge knows nothing of, only that something is missing can be told.
  const cem = new Listener('cem', edge.hub);
  edge.hub.onDirectHead(directKey('cem', 'zoe'), 7, -1);
  edge.hub.flusher.flush();
  t.deepEqual(cem.heard, [{ event: 'resync_required', body: { roomId: null, version: 7, reason: 'gap' } }]);
  for (const text of ['', '{}', 7, '{"v":1,"partitions":4,"personal":[["bob","[\\"new_message\\",{}]"]]}'])
    edge.relay.receive(text);
  t.is(edge.metrics.refused, 4);
});
