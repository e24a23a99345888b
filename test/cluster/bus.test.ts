/**
 * The node bus on a real Redis, and against texts that no node of ours would send. Needs Redis.
 * Long because it is one suite: each promise of the bus has its case.
 */
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import type { Command } from '../../src/actors/protocol/commands.js';
import { CommandBus } from '../../src/runtime/cluster/bus.js';
import { Codec } from '../../src/runtime/cluster/codec.js';
import type { LaneOutcome, LaneReply, Transport } from '../../src/runtime/cluster/port.js';
import { RedisTransport } from '../../src/runtime/cluster/transport/redis-transport.js';
import { generousMs, within } from '../harness/eventually.js';
import { openLinks } from './support/links.js';
import { log } from './support/world.js';

const partitions = 1;
const epoch = 3;

/** Rooms that answer when they are told to. */
class Local {
  readonly held = new Map([[0, epoch]]);
  readonly offered: { readonly command: Command; readonly resent: boolean; readonly replyTo: LaneReply }[] = [];
  onOffer: () => void = () => undefined;
  #onFrame: () => void = () => undefined;

  offer(command: Command, resent: boolean, replyTo: LaneReply): void {
    this.offered.push({ command, resent, replyTo });
    this.onOffer();
  }

  onFrame(listener: (bursts: readonly []) => void): void {
    this.#onFrame = () => listener([]);
  }

  /** Answers everything as one frame, with the id or with a body of that size. */
  frame(units = 0): void {
    this.offered.splice(0).forEach(({ command, replyTo }, at) => replyTo(done(command.id + 'x'.repeat(units)), at));
    this.#onFrame();
  }
}

function done(body: string): LaneOutcome {
  return { ok: true, answer: { body, resync: null } };
}

function typing(id: string): Command {
  return { kind: 'typing', key: 'room', id, userId: 'ann' };
}

class Pipe implements Transport {
  readonly name = 'pipe';
  readonly up = true;
  readonly sent: { readonly text: string; readonly again: boolean }[] = [];
  receive: (text: string) => void = () => undefined;
  send(_to: string, text: string, again: boolean): void {
    this.sent.push({ text, again });
  }
  onMessage(listener: (text: string) => void): void {
    this.receive = listener;
  }
  start = () => Promise.resolve();
  stop = () => Promise.resolve();
}

function lone(transport: Transport, node: string, local = new Local(), capacity = 10_000, now = Date.now): CommandBus {
  const deadlineMs = now === Date.now ? generousMs : 1_000;
  return new CommandBus({ node, partitions, transport, local, capacity, deadlineMs, log, now });
}

async function redisPair(t: ExecutionContext) {
  const settings = { host: '127.0.0.1', port: 6379, password: null, prefix: `test-${randomUUID()}` };
  const all = [await openLinks({ settings, log }), await openLinks({ settings, log })];
  const sides = all.map((links, at) => {
    const node = at === 0 ? 'a' : 'b';
    const redis = new RedisTransport(links, node);
    const transport: Transport = {
      name: 'redis',
      up: true,
      send: (to, text) => void redis.send(to, text, () => undefined),
      onMessage: (listener) => redis.onMessage(listener),
      start: () => redis.start(),
      stop: () => Promise.resolve(redis.stop()),
    };
    const local = new Local();
    return { node, links, local, transport, bus: lone(transport, node, local) };
  });
  for (const { links, transport, bus } of sides) {
    await transport.start();
    await bus.start();
    t.teardown(async () => {
      await bus.stop();
      await links.stop();
    });
  }
  const [a, b] = sides;
  if (a === undefined || b === undefined) throw new Error('there are two');
  return { a, b, settings };
}

test('commands and outcomes keep their order, and outcomes of a frame arrive before what is published after them', async (t) => {
  const { a, b } = await redisPair(t);
  const got: string[] = [];
  let published = (): void => undefined;
  const last = new Promise<void>((resolve) => (published = resolve));
  await a.links.subscribe('stream', (text) => {
    got.push(text);
    if (text === 'after 2000') published();
  });
  let answered = 0;
  b.local.onOffer = () => {
    if (b.local.offered.length < 500) return;
    b.local.frame();
    b.links.publish('stream', `after ${(answered += 500)}`);
  };
  const ids = Array.from({ length: 2_000 }, (_, i) => `id-${i}`);
  for (const id of ids)
    a.bus.send({ node: 'b', epoch }, typing(id), false, (outcome) =>
      got.push(outcome !== null && 'answer' in outcome ? outcome.answer.body : 'none'),
    );
  await within(last, 'the last publication');
  const expected = [0, 500, 1_000, 1_500].flatMap((from) => [...ids.slice(from, from + 500), `after ${from + 500}`]);
  t.deepEqual(got, expected);
});

test('an answer larger than a message travels in parts', async (t) => {
  const { a, b } = await redisPair(t);
  b.local.onOffer = () => b.local.frame(5_000_000);
  const answers = [typing('one'), typing('two')].map(
    (command) =>
      new Promise<string>((resolve) =>
        a.bus.send({ node: 'b', epoch }, command, false, (outcome) =>
          resolve(outcome !== null && 'answer' in outcome ? outcome.answer.body : 'none'),
        ),
      ),
  );
  const [one, two] = await within(Promise.all(answers), 'both answers');
  t.is(one, `one${'x'.repeat(5_000_000)}`);
  t.is(two, `two${'x'.repeat(5_000_000)}`);
});

test('what is malformed, oversized, of another version or of other PARTITIONS is counted, dropped and harms nothing', async (t) => {
  const { a, b, settings } = await redisPair(t);
  const head = { v: 1, partitions, from: 'x', number: 1 };
  const command = typing('id');
  const texts: readonly [reason: 'malformed' | 'oversized' | 'version' | 'partitions', text: string][] = [
    ['malformed', ''],
    ['malformed', 'null'],
    ['malformed', '[]'],
    ['malformed', '{"v":1'],
    ['malformed', '['.repeat(100_000)],
    ['version', '{"v":2}'],
    ['version', '{}'],
    ['partitions', JSON.stringify({ ...head, partitions: 64 })],
    ['malformed', JSON.stringify({ ...head, number: -1, kind: 'replies', items: [] })],
    ['malformed', JSON.stringify({ ...head, number: '7', kind: 'replies', items: [] })],
    ['malformed', JSON.stringify({ ...head, from: '', kind: 'replies', items: [] })],
    ['malformed', JSON.stringify({ ...head, kind: 'orders', items: [] })],
    ['malformed', JSON.stringify({ ...head, kind: 'commands', items: {} })],
    ['malformed', JSON.stringify({ ...head, kind: 'commands', items: [[epoch, false]] })],
    ['malformed', JSON.stringify({ ...head, kind: 'commands', items: [[epoch, 'no', command]] })],
    ['malformed', JSON.stringify({ ...head, kind: 'commands', items: [[epoch, false, { ...command, kind: 'tick' }]] })],
    [
      'malformed',
      JSON.stringify({ ...head, kind: 'commands', items: [[epoch, false, { ...command, kind: '__proto__' }]] }),
    ],
    ['malformed', JSON.stringify({ ...head, kind: 'commands', items: [[epoch, false, { ...command, userId: 7 }]] })],
    [
      'malformed',
      JSON.stringify({
        ...head,
        kind: 'commands',
        items: [[epoch, false, { ...command, kind: 'announce', occupants: [['a']] }]],
      }),
    ],
    ['malformed', JSON.stringify({ ...head, kind: 'replies', items: [[1, 0, { ok: true }]] })],
    [
      'malformed',
      JSON.stringify({
        ...head,
        kind: 'replies',
        items: [[1, 0, { ok: false, rejection: { code: 'toString', message: '' } }]],
      }),
    ],
    ['malformed', JSON.stringify({ ...head, kind: 'part', items: [3, 2, 'x'] })],
    ['oversized', JSON.stringify({ ...head, kind: 'replies', items: ['x'.repeat(1_100_000)] })],
    ['oversized', JSON.stringify({ ...head, kind: 'replies', items: ['€'.repeat(400_000)] })],
  ];
  for (const [, text] of texts) a.links.publish(`${settings.prefix}:node:b`, text);
  const answer = new Promise<LaneOutcome | null>((resolve) => {
    b.local.onOffer = () => b.local.frame();
    a.bus.send({ node: 'b', epoch }, command, false, resolve);
  });
  t.deepEqual(await within(answer, 'the answer'), done('id'));
  const count = (reason: string): number => texts.filter(([one]) => one === reason).length;
  t.deepEqual(b.bus.counts.dropped, {
    malformed: count('malformed'),
    oversized: count('oversized'),
    version: count('version'),
    partitions: count('partitions'),
    late: 0,
  });
});

test('a copy is dropped, and so is a message that comes after a later one', (t) => {
  const [from, to] = [new Pipe(), new Pipe()];
  const local = new Local();
  const sender = lone(from, 'a');
  const receiver = lone(to, 'b', local);
  for (const id of ['one', 'two']) {
    sender.send({ node: 'b', epoch }, typing(id), false, () => undefined);
    sender.flush();
  }
  const [one, two] = from.sent.map(({ text }) => text);
  to.receive(two ?? '');
  to.receive(two ?? '');
  local.frame();
  to.receive(two ?? '');
  to.receive(one ?? '');
  t.deepEqual(local.offered, []);
  t.is(receiver.counts.received, 1);
  t.is(receiver.counts.dropped.late, 3);
});

test('a command meant for an earlier tenure, or for nobody’s, is answered moved and not offered', (t) => {
  const [from, to] = [new Pipe(), new Pipe()];
  const local = new Local();
  const outcomes: (LaneOutcome | null)[] = [];
  const sender = lone(from, 'a');
  const receiver = lone(to, 'b', local);
  sender.send({ node: 'b', epoch: epoch - 1 }, typing('early'), false, (outcome) => outcomes.push(outcome));
  sender.flush();
  to.receive(from.sent[0]?.text ?? '');
  local.held.clear();
  sender.send({ node: 'b', epoch }, typing('late'), false, (outcome) => outcomes.push(outcome));
  sender.flush();
  to.receive(from.sent[1]?.text ?? '');
  receiver.flush();
  for (const { text } of to.sent) from.receive(text);
  t.deepEqual(outcomes, [
    { ok: false, moved: true },
    { ok: false, moved: true },
  ]);
  t.deepEqual(local.offered, []);
});

test('a command that is sent again while it is executed is offered once, and its answer goes to the later sending', (t) => {
  const [from, to] = [new Pipe(), new Pipe()];
  const local = new Local();
  let now = 1_000_000;
  const outcomes: (LaneOutcome | null)[] = [];
  const sender = lone(from, 'a', new Local(), 10, () => now);
  const receiver = lone(to, 'b', local, 10, () => now);
  const send = (resent: boolean): void => {
    sender.send({ node: 'b', epoch }, typing('slow'), resent, (outcome) => outcomes.push(outcome));
    sender.flush();
    to.receive(from.sent.at(-1)?.text ?? '');
  };
  send(false);
  t.false(from.sent.at(-1)?.again);
  now += 1_001;
  sender.expire();
  t.deepEqual(outcomes, [null], 'given back after the deadline');
  send(true);
  t.true(from.sent.at(-1)?.again, 'nothing was heard meanwhile: every way is tried');
  t.is(local.offered.length, 1);
  local.frame();
  receiver.flush();
  for (const { text } of to.sent) from.receive(text);
  t.deepEqual(outcomes, [null, done('slow')]);
});

test.serial('a clock that is set back keeps nobody waiting', async (t) => {
  const { now } = Date;
  t.teardown(() => (Date.now = now));
  let back = 0;
  Date.now = () => now() - back;
  const parts = { transport: new Pipe(), local: new Local() };
  const bus = new CommandBus({ node: 'a', partitions, ...parts, capacity: 1, deadlineMs: 1, log });
  const outcome = new Promise((resolve) => bus.send({ node: 'b', epoch }, typing('1'), false, resolve));
  bus.flush();
  back = 3_600_000;
  await bus.start();
  t.teardown(() => bus.stop());
  t.is(await within(outcome, 'the end of the deadline', 5_000), null);
});

test('messages of ever more nodes push nobody out who waits for an answer', (t) => {
  const pipe = new Pipe();
  const bus = lone(pipe, 'a');
  const outcomes: (LaneOutcome | null)[] = [];
  bus.send({ node: 'b', epoch }, typing('1'), false, (outcome) => outcomes.push(outcome));
  bus.flush();
  const strange = (i: number): string => new Codec(`stranger-${i}`, partitions).encode('replies', 1, []);
  for (let i = 0; i < 2_000; i++) pipe.receive(strange(i));
  t.deepEqual(outcomes, [null], 'given back, for the router to send again');
});

test('over its capacity the bus refuses at once, and a node that is gone gives everything back', (t) => {
  const pipe = new Pipe();
  const bus = lone(pipe, 'a', new Local(), 3);
  const outcomes: (LaneOutcome | null)[] = [];
  for (const id of ['1', '2', '3', '4'])
    bus.send({ node: 'b', epoch }, typing(id), false, (outcome) => outcomes.push(outcome));
  t.is(outcomes.length, 1);
  t.like(outcomes[0], { ok: false, rejection: { code: 'OVERLOADED' } });
  bus.flush();
  bus.send({ node: 'c', epoch }, typing('other'), false, (outcome) => outcomes.push(outcome));
  bus.gone('b');
  t.deepEqual(outcomes.slice(1), [null, null, null]);
  bus.send({ node: 'b', epoch }, typing('5'), false, (outcome) => outcomes.push(outcome));
  t.is(outcomes.length, 4, 'there is room again');
});
