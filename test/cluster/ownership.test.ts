/**
 * Ownership between real nodes on a real database: partitions move under load, owners die, freeze and are cut off, and the
 * laws of the store hold all the while.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { uuidv7 } from 'uuidv7';
import { migrate } from '../../src/runtime/store/migrate.js';
import { EmbeddedPostgres } from '../../src/runtime/store/embedded/server.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { freshDatabase, withClient } from '../harness/database.js';
import { silent } from '../store/rooms.js';
import { OwnershipCluster, partitions, type Acked, type Node } from './ownership-cluster.js';

const roomNames = Array.from({ length: 24 }, (_, i) => `room-${i}`);

async function setUp(t: ExecutionContext, env: Record<string, string> = {}) {
  const database = await freshDatabase();
  const cluster = new OwnershipCluster(database.connection, env);
  t.teardown(async () => {
    await cluster.close();
    await database.drop();
  });
  await cluster.prepare();
  return { cluster, connection: database.connection };
}

/** One sender per room, one message after the other, until it is stopped. */
class Load {
  #stopping = false;
  readonly #done: Promise<unknown>;
  /** The longest time without an ack in any room, ms. */
  longestSilence = 0;

  constructor(cluster: OwnershipCluster) {
    this.#done = Promise.all(
      roomNames.map(async (key) => {
        for (let i = 0; !this.#stopping; i++) {
          const sentAt = performance.now();
          await cluster.send(key, `${key} ${i}`);
          this.longestSilence = Math.max(this.longestSilence, performance.now() - sentAt);
        }
      }),
    );
    // Told by `stop`.
    this.#done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }
}

/** Waits until so many more messages were acked. */
function more(cluster: OwnershipCluster, count: number): Promise<void> {
  const target = cluster.acked.length + count;
  return cluster.until(() => cluster.acked.length >= target, `${count} more acks`);
}

/**
 * Laws 1 to 4 as far as they can be seen behind the edges.
 * @param killed may have died between the answers and the broadcasts of its last frames
 */
async function checkLaws(
  t: ExecutionContext,
  cluster: OwnershipCluster,
  connection: ConnectionSettings,
  killed?: Node,
): Promise<void> {
  const { rows } = await withClient(connection, (client) =>
    client.query<{ room_key: string; seq: string; id: string; content: string }>(
      'select room_key, seq, id, content from messages order by room_key, seq',
    ),
  );
  const stored = new Map(rows.map((row) => [row.id, row]));
  t.is(stored.size, rows.length);
  t.is(new Set(rows.map(({ content }) => content)).size, rows.length, 'law 3: no message is stored twice');
  for (const key of roomNames) {
    const inRoom = rows.filter((row) => row.room_key === key);
    t.deepEqual(
      inRoom.map(({ seq }) => Number(seq)),
      inRoom.map((_, i) => i + 1),
      'law 2: gapless',
    );
    const acked = cluster.acked.filter((one) => one.key === key);
    t.deepEqual(
      acked.map(({ seq }) => seq),
      acked.map((_, i) => i + 1),
      'law 2: each sender hears the order of the store',
    );
  }
  const told = new Set(cluster.told.map(({ packet }) => /"id":"([^"]+)"/.exec(packet)?.[1]));
  for (const acked of cluster.acked) {
    const { id, seq, content, node } = acked;
    t.is(Number(stored.get(id)?.seq), seq, 'law 1: acked means stored');
    t.is(stored.get(id)?.content, content);
    if (node === killed?.name && !told.has(id)) await checkLastWord(t, cluster, acked);
    else t.true(told.has(id), 'law 4: acked means told');
  }
  // The same version is always the same change, whoever tells it.
  const versions = new Map<string, string>();
  for (const { key, packet, version } of cluster.told) {
    if (version === null) continue;
    const known = versions.get(`${key} ${version}`) ?? packet;
    t.is(packet, known);
    versions.set(`${key} ${version}`, packet);
  }
}

/**
 * A frame is answered before it is broadcast. What its owner did not live to tell can only be the last thing that it said in
 * a room, and edges get it from the store when the partition has a new owner, as does whoever joins there.
 */
async function checkLastWord(t: ExecutionContext, cluster: OwnershipCluster, acked: Acked): Promise<void> {
  const { node, key, version, id } = acked;
  t.is(cluster.acked.filter((one) => one.node === node && one.key === key).at(-1), acked, 'law 4: acked means told');
  const since = version - 1;
  const joined = await cluster.ask({ kind: 'join', id: uuidv7(), key, userId: 'eve', socketId: `edge/${id}`, since });
  const { messages } = JSON.parse(joined) as { messages: readonly { readonly id: string }[] };
  t.is(messages[0]?.id, id, 'law 4: what was acked and not told is brought by the catch-up');
}

test.serial('partitions are shared, handed over under load and taken over again, and nothing is lost', async (t) => {
  const { cluster, connection } = await setUp(t);
  const a = await cluster.start('a');
  await cluster.until(() => a.held.size === partitions, 'a holds all');
  const load = new Load(cluster);
  await more(cluster, 50);
  const b = await cluster.start('b');
  await cluster.until(() => cluster.whole && b.held.size > 0 && a.held.size + b.held.size === partitions, 'they share');
  await cluster.until(() => cluster.whole && b.held.size >= 3, 'b has its share');
  await more(cluster, 50);
  a.tell({ type: 'drain' });
  await cluster.until(() => b.held.size === partitions && a.held.size === 0, 'b holds all');
  await more(cluster, 50);
  await load.stop();
  a.tell({ type: 'stop' });
  await a.exited;
  await cluster.until(() => b.nodes.length === 1, 'a said that it leaves');
  t.log(`longest silence of a room ${Math.round(load.longestSilence)} ms, ${cluster.acked.length} acked`);
  await checkLaws(t, cluster, connection);
});

test.serial('an owner that is killed is replaced, and its commands happen once', async (t) => {
  const { cluster, connection } = await setUp(t);
  const a = await cluster.start('a');
  const b = await cluster.start('b');
  await cluster.until(() => cluster.whole && a.held.size > 0 && b.held.size > 0, 'they share');
  const load = new Load(cluster);
  await more(cluster, 100);
  const killedAt = performance.now();
  b.child.kill('SIGKILL');
  await b.exited;
  await cluster.until(() => a.held.size === partitions, 'a took over');
  t.log(`taken over within ${Math.round(performance.now() - killedAt)} ms`);
  await more(cluster, 50);
  await load.stop();
  t.log(`longest silence of a room ${Math.round(load.longestSilence)} ms, ${cluster.acked.length} acked`);
  await checkLaws(t, cluster, connection, b);
});

test.serial('an owner that dies between its answers and its broadcasts has lost nothing that it said', async (t) => {
  const { cluster, connection } = await setUp(t);
  const a = await cluster.start('a');
  const b = await cluster.start('b');
  await cluster.until(() => cluster.whole && a.held.size > 0 && b.held.size > 0, 'they share');
  const load = new Load(cluster);
  await more(cluster, 50);
  b.tell({ type: 'die untold' });
  await b.exited;
  await cluster.until(() => a.held.size === partitions, 'a took over');
  await load.stop();
  const told = cluster.told.map(({ packet }) => packet);
  t.true(cluster.acked.some(({ node, id }) => node === 'b' && !told.some((packet) => packet.includes(id))));
  await checkLaws(t, cluster, connection, b);
});

test.serial(
  'law 6: an owner that was frozen finds its partitions gone, writes nothing, and is taken for new',
  async (t) => {
    const { cluster, connection } = await setUp(t, { TEST_IDLE_SESSION_MS: '5000', NODE_STALE_MS: '1000' });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await cluster.until(() => cluster.whole && a.held.size > 0 && b.held.size > 0, 'they share');
    const load = new Load(cluster);
    await more(cluster, 50);
    const before = new Map(b.held);
    b.child.kill('SIGSTOP');
    const frozenAt = performance.now();
    await cluster.until(() => a.held.size === partitions, 'a took over');
    t.log(`taken over within ${Math.round(performance.now() - frozenAt)} ms of the freeze, 5000 of them the session's`);
    // Commands that reach it when it wakes up, sent to the former owner by somebody who does not know.
    cluster.giveUp(b);
    await more(cluster, 50);
    const untold = cluster.told.length;
    b.alive = true;
    const lapses = b.lapses;
    b.child.kill('SIGCONT');
    await cluster.until(() => b.lapses > lapses, 'b noticed that it was away');
    await cluster.until(
      () => cluster.whole && b.held.size > 0 && [...b.held].every(([p, epoch]) => epoch > (before.get(p) ?? 0)),
      'b rejoined',
    );
    await more(cluster, 50);
    await load.stop();
    t.true(cluster.told.length > untold);
    await checkLaws(t, cluster, connection);
  },
);

test.serial('every backend terminated, again and again: all is held again, unknown frames are looked up', async (t) => {
  const { cluster, connection } = await setUp(t);
  await Promise.all([cluster.start('a'), cluster.start('b')]);
  await cluster.until(() => cluster.whole, 'they share');
  const load = new Load(cluster);
  for (let round = 0; round < 3; round++) {
    await more(cluster, 50);
    await withClient(connection, (client) =>
      client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      ),
    );
  }
  await more(cluster, 50);
  await load.stop();
  await cluster.until(() => cluster.whole, 'all is held again');
  t.log(`longest silence of a room ${Math.round(load.longestSilence)} ms, ${cluster.acked.length} acked`);
  await checkLaws(t, cluster, connection);
});

test.serial('the server dies and comes back: all is held again, nobody is taken for dead', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mhs-ownership-'));
  const server = new EmbeddedPostgres({ dataDir, database: 'postgres', maxConnections: 60, fsync: true, log: silent });
  t.teardown(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await server.start();
  const { connection } = server;
  await migrate(connection, silent);
  const cluster = new OwnershipCluster(connection);
  t.teardown(() => cluster.close());
  await cluster.prepare();
  const nodes = await Promise.all([cluster.start('a'), cluster.start('b')]);
  await cluster.until(() => cluster.whole, 'they share');
  const load = new Load(cluster);
  await more(cluster, 100);
  const seen = watchNodes(nodes);
  process.kill(
    Number(readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]),
    'SIGQUIT',
  );
  await cluster.until(() => nodes.every(({ held }) => held.size === 0), 'all is lost');
  await cluster.until(() => cluster.whole, 'all is held again');
  await more(cluster, 50);
  await load.stop();
  t.deepEqual(seen(), [2, 2]);
  t.log(`longest silence of a room ${Math.round(load.longestSilence)} ms, ${cluster.acked.length} acked`);
  await checkLaws(t, cluster, connection);
});

/** How few nodes each of them saw since. */
function watchNodes(nodes: readonly Node[]): () => number[] {
  const fewest = nodes.map((node) => node.nodes.length);
  nodes.forEach((node, i) =>
    node.child.on('message', () => {
      fewest[i] = Math.min(fewest[i] ?? 0, node.nodes.length);
    }),
  );
  return () => fewest;
}

test.serial('the sockets of a dead node leave the rooms, and its last ones are told of', async (t) => {
  const { cluster } = await setUp(t);
  const a = await cluster.start('a');
  await cluster.until(() => a.held.size === partitions, 'a holds all');
  const join = (id: string, userId: string, socketId: string): Promise<string> =>
    cluster.ask({ kind: 'join', id, key: 'lobby', userId, socketId, since: null });
  await join('1', 'ann', 'dead/1');
  await join('2', 'bob', 'dead/2');
  await join('3', 'bob', 'live/3');
  await join('4', 'cyd', 'deadly/4');
  a.tell({ type: 'gone', nodes: ['dead'] });
  const left = (): string[] =>
    cluster.told.filter(({ packet }) => packet.startsWith('["user_left"')).map(({ packet }) => packet);
  await cluster.until(() => left().length > 0, 'somebody left');
  t.deepEqual(left(), ['["user_left",{"userId":"ann","roomId":"lobby"}]']);
});
