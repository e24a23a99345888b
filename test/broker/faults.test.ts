/** The broker and the way to it fail, and so does the service: everything arrives all the same, in order, at least once. */
import anyTest from 'ava';
import { eventually, within } from '../harness/eventually.js';
import { ownStage, unique, type Stage } from '../harness/stage.js';
import { Proxy } from '../chaos/proxy.js';
import { brokerUrl, hasBroker, Listener, messageOf, type HeardEvent } from './support/listener.js';

const test = hasBroker ? anyTest : anyTest.skip;

interface Scene {
  readonly stage: Stage;
  readonly proxy: Proxy;
  readonly listener: Listener;
}

async function scene(t: { teardown(close: () => Promise<void>): void }): Promise<Scene> {
  const listener = await Listener.open();
  t.teardown(() => listener.close());
  const { hostname, port, username, password } = new URL(brokerUrl);
  const proxy = await Proxy.open({ host: hostname, port: Number(port === '' ? 5672 : port) });
  t.teardown(() => proxy.close());
  // A short heartbeat: a silent connection is found dead quickly.
  const env = listener.env(`amqp://${username}:${password}@127.0.0.1:${proxy.port}?heartbeat=1`);
  return { stage: await ownStage(t, env), proxy, listener };
}

/** First occurrences by id: what a service that drops repeats sees. */
function deduped(events: readonly HeardEvent[]): HeardEvent[] {
  const seen = new Set<string>();
  return events.filter(({ messageId }) => !seen.has(messageId) && seen.add(messageId));
}

function sentIn({ heard }: Listener, room: string): HeardEvent[] {
  return heard.filter((event) => event.key === 'message.room.sent' && messageOf(event)['room_id'] === room);
}

/** All of `total` messages were heard, in order; equal ids have equal messages. */
async function complete(
  { listener }: Scene,
  room: string,
  total: number,
): Promise<{ doubled: number; right: boolean }> {
  await eventually(
    () => Promise.resolve(deduped(sentIn(listener, room)).length === total),
    `${total} events of ${room}, so far ${deduped(sentIn(listener, room)).length}`,
  );
  const all = sentIn(listener, room);
  const once = deduped(all);
  const ordered = once.every((event, i) => messageOf(event)['seq'] === i + 1);
  const same = all.every((event) => {
    const first = once.find(({ messageId }) => messageId === event.messageId);
    return first !== undefined && messageOf(first)['id'] === messageOf(event)['id'];
  });
  return { doubled: all.length - once.length, right: ordered && same };
}

test('a connection that is cut again and again under traffic loses nothing', async (t) => {
  const set = await scene(t);
  const room = unique('cut');
  const ann = await set.stage.client('ann');
  let total = 0;
  for (let round = 0; round < 5; round++) {
    const sends: Promise<unknown>[] = [];
    for (let n = 0; n < 60; n++) {
      total += 1;
      sends.push(ann.send(room, `${total}`));
      if (n === 30) set.proxy.cut();
    }
    await Promise.all(sends);
  }
  const { right } = await complete(set, room, total);
  t.true(right);
});

test('confirms that never come back make events come twice, with the same ids', async (t) => {
  const set = await scene(t);
  const room = unique('confirms');
  const ann = await set.stage.client('ann');
  await ann.send(room, '1');
  await complete(set, room, 1);
  const lost = set.proxy.swallow();
  await ann.send(room, '2');
  await within(lost, 'an answer of the broker that is swallowed');
  await eventually(() => Promise.resolve(sentIn(set.listener, room).length >= 2), 'the unconfirmed event');
  set.proxy.cut();
  set.proxy.restore();
  await ann.send(room, '3');
  const { doubled, right } = await complete(set, room, 3);
  t.true(right);
  t.true(doubled >= 1, 'the unconfirmed event was sent again');
});

test('a silent connection is found dead and replaced, and sends do not wait for it', async (t) => {
  const set = await scene(t);
  const room = unique('silent');
  const ann = await set.stage.client('ann');
  await ann.send(room, '1');
  await complete(set, room, 1);
  set.proxy.silence('both');
  const before = performance.now();
  for (let n = 2; n <= 20; n++) await ann.send(room, `${n}`);
  t.log(`19 sends took ${Math.round(performance.now() - before)} ms`);
  await set.stage.service.output.waitFor(
    'outage',
    ({ msg }) => msg === 'the broker is away, events wait in the outbox',
  );
  set.proxy.cut();
  set.proxy.restore();
  const { right } = await complete(set, room, 20);
  t.true(right);
});

test('events that were committed before a kill -9 are sent by the next life', async (t) => {
  const set = await scene(t);
  const room = unique('kill');
  const ann = await set.stage.client('ann');
  await ann.send(room, '1');
  await complete(set, room, 1);
  set.proxy.cut(true);
  for (let n = 2; n <= 10; n++) await ann.send(room, `${n}`);
  await set.stage.service.kill9();
  t.is(sentIn(set.listener, room).length, 1);
  set.proxy.restore();
  await set.stage.service.restart();
  const { right } = await complete(set, room, 10);
  t.true(right);
});

test('a service starts and serves while the broker is away from the beginning', async (t) => {
  const listener = await Listener.open();
  t.teardown(() => listener.close());
  const proxy = await Proxy.open({ host: '127.0.0.1', port: 1 });
  t.teardown(() => proxy.close());
  const stage = await ownStage(t, listener.env(`amqp://guest:guest@127.0.0.1:${proxy.port}`));
  const ann = await stage.member('ann', 'lonely');
  await ann.send('lonely', 'hello');
  await stage.service.restart(listener.env());
  const event = await listener.event('the late event', (one) => one.key === 'message.room.sent');
  t.is(messageOf(event)['content'], 'hello');
});

test('a broker that went silent does not keep a service from stopping', async (t) => {
  const set = await scene(t);
  const ann = await set.stage.client('ann');
  await ann.send(unique('stop'), '1');
  await set.stage.service.output.waitFor('the broker', ({ msg }) => msg === 'connected to the broker');
  set.proxy.silence('both');
  await ann.send(unique('stop'), '2');
  const exit = await set.stage.service.stop();
  t.is(exit.code, 0);
});
