/** Who sees whom, and who is seen to hold what: several memberships on one real database. */
import test, { type ExecutionContext } from 'ava';
import { PostgresMembership } from '../../src/runtime/cluster/membership.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { prepare } from '../../src/runtime/store/migrate.js';
import { createWriter } from '../../src/runtime/store/postgres/writer.js';
import { freshDatabase, type FreshDatabase } from '../harness/database.js';
import { within } from '../harness/eventually.js';
import { openProxy } from '../store/proxy.js';
import { never, silent } from '../store/rooms.js';

const partitions = 4;
/** No poll by time alone: what is seen is seen because somebody told. */
const seldom = 60_000;

async function setUp(t: ExecutionContext): Promise<FreshDatabase> {
  const database = await freshDatabase(t);
  await prepare(database.connection, partitions, silent);
  return database;
}

/** A membership that is stopped with the test, and all that it saw. */
async function join(
  t: ExecutionContext,
  connection: ConnectionSettings,
  self: string,
  times: { readonly pollMs?: number; readonly staleMs?: number } = {},
) {
  const membership = new PostgresMembership({
    connection,
    self,
    partitions,
    pollMs: seldom,
    staleMs: 120_000,
    log: silent,
    ...times,
  });
  const seen: string[] = [];
  const note = (): void =>
    void seen.push(membership.view.nodes.map(({ id, draining }) => (draining ? `${id}!` : id)).join(' '));
  let watchers: (() => void)[] = [];
  const lapse = new Promise<void>((resolve) => membership.onLapse(resolve));
  membership.onChange(() => {
    note();
    for (const watch of watchers) watch();
  });
  t.teardown(() => membership.stop());
  await membership.start();
  const until = (such: () => boolean, what: string): Promise<void> =>
    within(
      new Promise<void>((resolve) => {
        const watch = (): void => {
          if (such()) resolve();
        };
        watchers = [...watchers, watch];
        watch();
      }),
      `${self}: ${what}`,
    );
  return { membership, seen, lapse, until, nodes: () => membership.view.nodes.map(({ id }) => id).join(' ') };
}

test('nodes are seen when they come, drain and go, without waiting for a poll', async (t) => {
  const { connection } = await setUp(t);
  const a = await join(t, connection, 'a');
  t.is(a.nodes(), 'a');
  const b = await join(t, connection, 'b');
  t.is(b.nodes(), 'a b');
  await a.until(() => a.nodes() === 'a b', 'b came');
  await b.membership.drain();
  await a.until(() => a.seen.includes('a b!'), 'b drains');
  t.true(b.membership.view.nodes.some(({ id, draining }) => id === 'b' && draining));
  await b.membership.stop();
  await a.until(() => a.nodes() === 'a', 'b went');
});

test('who holds a partition is seen with its epoch, and nobody once it is yielded or its session is gone', async (t) => {
  const { connection } = await setUp(t);
  const a = await join(t, connection, 'a');
  const writer = createWriter({ connection, name: 'w', deadlineMs: 20_000, node: 'b', partitions, log: silent });
  await writer.connect(never);
  const fences = await writer.claim([1, 3], false);
  const owner = (partition: number) => a.membership.view.owners[partition] ?? null;
  await a.until(() => owner(3) !== null, 'the claim');
  for (const { partition, epoch } of fences) t.deepEqual(owner(partition), { node: 'b', epoch });
  t.is(owner(0), null);
  await writer.yield([1]);
  await a.until(() => owner(1) === null, 'the yield');
  t.not(owner(3), null);
  await writer.release();
  await a.until(() => owner(3) === null, 'the release');
});

test('a node that shows no sign of life is taken for dead, and hears of it when it is back', async (t) => {
  const { connection } = await setUp(t);
  const proxy = await openProxy(connection);
  t.teardown(() => proxy.close());
  const times = { pollMs: 50, staleMs: 1_000 };
  const a = await join(t, connection, 'a', times);
  const b = await join(t, proxy.connection, 'b', times);
  await a.until(() => a.nodes() === 'a b', 'b came');
  await proxy.swallow();
  await a.until(() => a.nodes() === 'a', 'b is dead');
  proxy.restore();
  await within(b.lapse, 'b hears of it');
  await a.until(() => a.nodes() === 'a b', 'b is back');
  t.deepEqual(a.seen.slice(-3), ['a b', 'a', 'a b']);
});

test('while the database is away the view stays as it was, and afterwards nobody is taken for dead because of it', async (t) => {
  const { connection } = await setUp(t);
  const proxy = await openProxy(connection);
  t.teardown(() => proxy.close());
  const times = { pollMs: 50, staleMs: 1_000 };
  const a = await join(t, proxy.connection, 'a', times);
  const b = await join(t, proxy.connection, 'b', times);
  await a.until(() => a.nodes() === 'a b', 'b came');
  a.seen.length = 0;
  b.seen.length = 0;
  await proxy.swallow();
  // The calls under way are given up after three seconds, far beyond what makes a node stale.
  const back = new Promise<void>((resolve) => {
    const look = (): void => {
      if (!a.membership.fresh && !b.membership.fresh) resolve();
      else setTimeout(look, 20);
    };
    look();
  });
  await within(back, 'both notice');
  proxy.restore();
  await within(Promise.all([a.lapse, b.lapse]), 'both are back');
  t.deepEqual([a.nodes(), b.nodes()], ['a b', 'a b']);
  t.deepEqual([...a.seen, ...b.seen], []);
});
