/** Texts between nodes while Redis comes and goes: measured loss, the way over the database, and back. Needs Redis. */
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { EitherTransport } from '../../src/runtime/cluster/transport/either.js';
import { PostgresTransport } from '../../src/runtime/cluster/transport/postgres.js';
import { RedisTransport } from '../../src/runtime/cluster/transport/redis-transport.js';
import { RedisLinks } from '../../src/runtime/cluster/transport/redis.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { freshDatabase, withClient } from '../harness/database.js';
import { eventually, within } from '../harness/eventually.js';
import { calm, startLinks } from './support/links.js';
import { RedisServer } from './support/redis-server.js';
import { log } from './support/world.js';

/** Between probes, ms: so short that an outage is seen at once. */
const quick = 100;

const prefix = (): string => `test-${randomUUID()}`;

function open(t: ExecutionContext, port: number, probeMs: number, name = prefix()): RedisLinks {
  const links = new RedisLinks({
    settings: { host: '127.0.0.1', port, password: null, prefix: name },
    log,
    probeMs,
  });
  t.teardown(() => links.stop());
  return links;
}

const ready = (links: RedisLinks): Promise<void> =>
  within(new Promise((resolve) => links.onReady(resolve)), 'Redis ready');
const lost = (links: RedisLinks): Promise<void> =>
  within(new Promise((resolve) => links.onLost(resolve)), 'Redis lost');

interface Inbox {
  readonly texts: string[];
  /** Resolves once this text has come. */
  has(text: string): Promise<void>;
  take(text: string): void;
}

function inbox(): Inbox {
  const texts: string[] = [];
  const waiting = new Map<string, () => void>();
  return {
    texts,
    has: (text) =>
      within(
        new Promise((resolve) => {
          if (texts.includes(text)) resolve();
          else waiting.set(text, resolve);
        }),
        text,
      ),
    take: (text) => {
      texts.push(text);
      waiting.get(text)?.();
    },
  };
}

/** Best effort is not certain: it is sent until it has come. */
async function repeated(send: () => unknown, come: Promise<void>): Promise<void> {
  const timer = setInterval(send, 20);
  try {
    await come;
  } finally {
    clearInterval(timer);
  }
}

test('a killed Redis is told once, and everything subscribed is there again when it is back', async (t) => {
  const server = await RedisServer.start(t);
  const links = open(t, server.port, calm);
  let losses = 0;
  links.onLost(() => (losses += 1));
  await startLinks(links);
  const box = inbox();
  await links.subscribe('one', box.take);
  t.true(links.publish('one', 'before'));
  await box.has('before');
  const gone = lost(links);
  await server.kill();
  await gone;
  t.false(links.up);
  t.false(links.publish('one', 'dropped'));
  await links.subscribe('two', box.take);
  const back = ready(links);
  await server.start();
  await back;
  links.publish('one', 'after one');
  links.publish('two', 'after two');
  await box.has('after two');
  t.deepEqual(box.texts, ['before', 'after one', 'after two']);
  t.is(losses, 1);
});

test('a Redis that hangs counts as lost, and what was on its way does not hold up what comes later', async (t) => {
  const server = await RedisServer.start(t);
  const links = await startLinks(open(t, server.port, quick));
  const box = inbox();
  await links.subscribe('one', box.take);
  // On a slow machine it may have been lost before.
  await eventually(() => Promise.resolve(links.up), 'Redis ready');
  const gone = lost(links);
  server.freeze();
  links.publish('one', 'hung');
  await gone;
  t.false(links.up);
  const back = ready(links);
  server.thaw();
  await back;
  await repeated(() => links.publish('one', 'after'), box.has('after'));
  t.is(box.texts.at(-1), 'after');
});

test('a service starts without Redis, and finds it later', async (t) => {
  const server = await RedisServer.start(t);
  await server.kill();
  const links = open(t, server.port, calm);
  await links.start();
  t.false(links.up);
  const back = ready(links);
  await server.start();
  await back;
  t.true(links.up);
});

test('publishing tells how many heard it', async (t) => {
  const server = await RedisServer.start(t);
  const links = await startLinks(open(t, server.port, calm));
  await links.subscribe('one', () => undefined);
  const heard = (channel: string): Promise<number | null> =>
    new Promise((resolve) => links.publish(channel, 'x', resolve));
  t.is(await heard('one'), 1);
  t.is(await heard('nobody'), 0);
  links.unsubscribe('one');
  await links.subscribe('two', () => undefined);
  t.is(await heard('one'), 0);
});

interface Side {
  readonly links: RedisLinks;
  readonly transport: EitherTransport;
  readonly box: Inbox;
}

async function side(
  t: ExecutionContext,
  node: string,
  port: number,
  name: string,
  connection: ConnectionSettings,
): Promise<Side> {
  const links = await startLinks(open(t, port, calm, name));
  const transport = new EitherTransport(
    new RedisTransport(links, node),
    new PostgresTransport({ connection, node, log }),
  );
  const box = inbox();
  transport.onMessage(box.take);
  await transport.start();
  t.teardown(() => transport.stop());
  return { links, transport, box };
}

test('while Redis is down texts go over the database, in order; when it is back they go over it again', async (t) => {
  const server = await RedisServer.start(t);
  const { connection } = await freshDatabase(t);
  const name = prefix();
  const a = await side(t, 'a', server.port, name, connection);
  const b = await side(t, 'b', server.port, name, connection);
  a.transport.send('b', 'over Redis', false);
  await b.box.has('over Redis');
  const gone = Promise.all([lost(a.links), lost(b.links)]);
  await server.kill();
  await gone;
  const texts = Array.from({ length: 1_200 }, (_, i) => `over Postgres ${i}`);
  for (const text of texts) a.transport.send('b', text, false);
  await b.box.has('over Postgres 1199');
  t.deepEqual(b.box.texts.slice(1), texts);
  const back = Promise.all([ready(a.links), ready(b.links)]);
  await server.start();
  await back;
  a.transport.send('b', 'over Redis again', false);
  await b.box.has('over Redis again');
  const left = await withClient(connection, (client) => client.query('select from bus_messages'));
  t.is(left.rowCount, 0);
});

test('a node whose own Redis is gone is reached all the same, both ways', async (t) => {
  const [server, other] = [await RedisServer.start(t), await RedisServer.start(t)];
  const { connection } = await freshDatabase(t);
  const name = prefix();
  const a = await side(t, 'a', server.port, name, connection);
  const b = await side(t, 'b', other.port, name, connection);
  t.true(a.links.up && b.links.up, 'both believe that Redis works');
  a.transport.send('b', 'hello', false);
  await b.box.has('hello');
  b.transport.send('a', 'hello back', false);
  await a.box.has('hello back');
  t.pass();
});

test('a text that is sent again goes every way', async (t) => {
  const server = await RedisServer.start(t);
  const { connection } = await freshDatabase(t);
  const name = prefix();
  const a = await side(t, 'a', server.port, name, connection);
  const b = await side(t, 'b', server.port, name, connection);
  a.transport.send('b', 'again', true);
  await b.box.has('again');
  // The copies come by two connections, so the second is waited for by a third text behind it on each.
  a.transport.send('b', 'marker', true);
  await eventually(
    () => Promise.resolve(b.box.texts.filter((text) => text === 'marker').length === 2),
    'both copies of the marker',
  );
  t.is(b.box.texts.filter((text) => text === 'again').length, 2);
});

test('the way over the database survives the end of its sessions, and drops what is too old to be of use', async (t) => {
  const { connection } = await freshDatabase(t);
  const make = async (node: string): Promise<{ readonly transport: PostgresTransport; readonly box: Inbox }> => {
    const transport = new PostgresTransport({ connection, node, log, usefulMs: 60_000 });
    const box = inbox();
    transport.onMessage(box.take);
    await transport.start();
    t.teardown(() => transport.stop());
    return { transport, box };
  };
  const [a, b] = [await make('a'), await make('b')];
  await withClient(connection, async (client) => {
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%node bus' and datname = current_database()`,
    );
    await client.query(
      `insert into bus_messages (receiver, sender, body, sent_at) values ('b', 'x', 'old', now() - interval '1 hour')`,
    );
  });
  await repeated(() => a.transport.send('b', 'after'), b.box.has('after'));
  t.false(b.box.texts.includes('old'));
});
