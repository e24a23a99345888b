/**
 * The committer: what a frame answers, broadcasts and remembers, however its transaction ends.
 * Long because it is one suite: each end that a transaction can have has its case.
 */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { pino } from 'pino';
import type { Command, SendCommand } from '../../src/actors/protocol/commands.js';
import type { Message } from '../../src/actors/protocol/message.js';
import { roomBehaviour } from '../../src/actors/room.js';
import { Committer } from '../../src/runtime/committer.js';
import { Ownership } from '../../src/runtime/ownership.js';
import { Residents } from '../../src/runtime/residents.js';
import { StoreError, type WriteFailure } from '../../src/runtime/store/port.js';
import { generousMs } from '../harness/eventually.js';
import { MemoryWriter, type Mishap } from './memory-writer.js';

const log = pino({ level: 'silent' });

/** Rooms whose name starts with p<n>. are of the partition n, all others of partition 7. */
function partitionOf(key: string): number {
  return Number(/^p(\d+)\./.exec(key)?.[1] ?? 7);
}

function setUp(recentMessages = 3, alone = true, partitions: readonly number[] = [7]) {
  const writer = new MemoryWriter();
  const retries: string[] = [];
  const behaviour = roomBehaviour({
    recentMessages,
    recentBytes: 100_000,
    typingTtlMs: 5_000,
    typingQuietMs: 2_000,
    typingUsers: 10,
    marksKept: 2,
    removalsKept: 2,
    catchUpMessages: 100,
  });
  const residents = new Residents(behaviour, {
    max: 1_000,
    idleTtlMs: 1_000,
    partitionOf,
    read: (keys) => writer.snapshots(keys, recentMessages),
  });
  const held: boolean[] = [];
  const ownership = new Ownership({
    writer,
    partitions,
    alone,
    onServing: (now) => held.push(now),
    onHeld: () => undefined,
    onLost: () => residents.invalidateAll(),
    onGone: (gone) => residents.drop(gone),
    log,
  });
  const metrics = { frameCommitted: () => undefined, frameRetried: (reason: string) => void retries.push(reason) };
  const committer = new Committer({
    behaviour,
    residents,
    ownership,
    partitionOf,
    replyDeadlineMs: 200,
    outbox: false,
    metrics,
    log,
  });
  return { writer, committer, ownership, residents, retries, held };
}

async function until(come: () => boolean): Promise<void> {
  // The writer in memory gives no signal for what it is asked.
  for (const end = Date.now() + generousMs; !come(); await turn()) if (Date.now() > end) throw new Error('never');
}

let ids = 0;
function send(content: string, clientMsgId: string | null = null, key = 'room'): SendCommand {
  const id = `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`;
  return {
    kind: 'send',
    id,
    key,
    content,
    clientMsgId,
    senderId: 'ann',
    senderName: 'Ann',
    senderDisplayName: null,
    receiverId: null,
    messageType: 'text',
    replyTo: null,
    metadata: null,
  };
}

type Committed = Awaited<ReturnType<ReturnType<typeof setUp>['committer']['commit']>>;

const codes = ({ outcomes }: Committed): string[] =>
  outcomes.map((outcome) => (outcome.ok ? 'ok' : 'moved' in outcome ? 'moved' : outcome.rejection.code));
const packets = ({ bursts }: Committed): string[] => bursts.flatMap(({ events }) => events.map(({ packet }) => packet));
const versions = ({ bursts }: Committed): (number | null)[] =>
  bursts.flatMap(({ events }) => events.map(({ version }) => version));

test('law 1: nothing is answered or broadcast before the commit', async (t) => {
  const { writer, committer } = setUp();
  const gate = writer.hold();
  let answered = false;
  const committing = committer.commit([send('hello')], false).then((result) => {
    answered = true;
    return result;
  });
  await gate.reached;
  t.false(answered);
  t.is(writer.messages.length, 0);
  gate.open();
  t.deepEqual(codes(await committing), ['ok']);
  t.is(writer.messages.length, 1);
});

test('law 7: one bad command is refused alone, its neighbours commit in order', async (t) => {
  const { writer, committer } = setUp();
  const commands = ['a', 'b', MemoryWriter.poison, 'c', 'd'].map((content) => send(content));
  const result = await committer.commit(commands, false);
  t.deepEqual(codes(result), ['ok', 'ok', 'UNPROCESSABLE', 'ok', 'ok']);
  t.deepEqual(
    writer.messages.map(({ content, seq }) => `${seq}${content}`),
    ['1a', '2b', '3c', '4d'],
  );
  t.deepEqual(versions(result), [1, 2, 3, 4]);
  t.deepEqual(
    result.bursts.flatMap(({ events }) => events.map(({ at }) => at)),
    [0, 1, 3, 4],
  );
});

test('a command that throws is refused alone and changes nothing', async (t) => {
  const { writer, committer, retries } = setUp();
  // A kind that no edge can make; the actor has no answer to it.
  const broken = Object.assign(send('x'), { kind: 'unheard-of' });
  const result = await committer.commit([send('a'), broken, send('b')], false);
  t.deepEqual(codes(result), ['ok', 'INTERNAL', 'ok']);
  t.deepEqual(retries, ['threw']);
  t.deepEqual(
    writer.messages.map(({ content }) => content),
    ['a', 'b'],
  );
});

test('law 3: a retry far behind the ring gets the original answer and is not told again', async (t) => {
  const { writer, committer } = setUp();
  const first = await committer.commit([send('original', 'k')], false);
  for (let i = 0; i < 10; i++) await committer.commit([send(`later ${i}`)], false);
  const again = await committer.commit([send('fresh'), send('changed by the client', 'k')], false);
  t.deepEqual(codes(again), ['ok', 'ok']);
  t.deepEqual(again.outcomes[1], first.outcomes[0]);
  t.is(packets(again).length, 1);
  t.is(writer.messages.length, 12);
  t.deepEqual(
    writer.messages.map(({ seq }) => seq),
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
});

for (const [failure, applied] of [
  ['lost', true],
  ['lost', false],
  ['fenced', false],
  ['stale', false],
  ['transient', false],
] as const)
  test(`laws 2-4: a frame that fails as ${failure} (${applied ? '' : 'not '}applied) is told exactly once`, async (t) => {
    const { writer, committer, held } = setUp();
    await committer.commit([send('before')], false);
    writer.mishaps.push({ failure, applied });
    const join: Command = { kind: 'join', id: 'j', key: 'room', userId: 'bob', socketId: 's', since: null };
    const result = await committer.commit([send('one'), join, send('two')], false);
    t.deepEqual(codes(result), ['ok', 'ok', 'ok']);
    t.deepEqual(
      writer.messages.map(({ content, seq }) => `${seq}${content}`),
      ['1before', '2one', '3two'],
    );
    t.deepEqual(versions(result), [2, null, 3]);
    t.true(packets(result)[1]?.includes('user_joined'));
    t.deepEqual(held, failure === 'lost' || failure === 'fenced' ? [true, false, true] : [true]);
  });

test('laws 3, 4: a frame of a dead worker that had committed is answered and broadcast by the next one', async (t) => {
  const { writer, committer } = setUp();
  const frame = [send('one'), send('two')];
  await committer.commit(frame, false);
  const next = setUp();
  next.writer.take(writer);
  const result = await next.committer.commit(frame, true);
  t.deepEqual(codes(result), ['ok', 'ok']);
  t.deepEqual(versions(result), [1, 2]);
  t.is(next.writer.messages.length, 2);
});

test('a receipt that committed unheard is answered and told, and not written again', async (t) => {
  const { writer, committer } = setUp();
  const message = send('read me');
  await committer.commit([message], false);
  const mark: Command = {
    kind: 'mark',
    id: 'm',
    key: 'room',
    level: 'read',
    userId: 'bob',
    messageIds: [message.id],
    upTo: null,
  };
  writer.mishaps.push({ failure: 'lost', applied: true });
  const { applied } = writer;
  const result = await committer.commit([mark], false);
  t.deepEqual(codes(result), ['ok']);
  t.deepEqual(packets(result), [
    `["messages_read",{"userId":"bob","messageIds":["${message.id}"],"roomId":"room","upTo":1}]`,
  ]);
  t.is(writer.applied, applied + 1);
});

test('law 6: after a lost connection no room is used as it was remembered', async (t) => {
  const { writer, committer, retries } = setUp();
  await committer.commit([send('a', null, 'other')], false);
  writer.mishaps.push({ failure: 'lost', applied: false });
  await committer.commit([send('b')], false);
  const reads = writer.roomsRead.length;
  await committer.commit([send('c', null, 'other')], false);
  t.deepEqual(writer.roomsRead.slice(reads), ['other']);
  t.deepEqual(retries, ['lost']);
});

test('a command of a partition that is not held is answered moved, and its neighbours go on', async (t) => {
  const { writer, committer, ownership } = setUp(3, false, [1, 2]);
  writer.others.add(2);
  await ownership.ensure();
  await ownership.settle();
  const result = await committer.commit(
    [send('a', null, 'p1.r'), send('b', null, 'p2.r'), send('c', null, 'p1.r')],
    false,
  );
  t.deepEqual(codes(result), ['ok', 'moved', 'ok']);
  t.deepEqual(
    writer.messages.map(({ content }) => content),
    ['a', 'c'],
  );
  t.deepEqual(
    result.bursts.flatMap(({ events }) => events.map(({ at }) => at)),
    [0, 2],
    'the places are those of the whole frame',
  );
});

for (const applied of [true, false])
  test(`laws 2-4: a partition that another took while the frame's outcome was lost (${applied ? '' : 'not '}applied) is answered moved, and the new owner tells it once`, async (t) => {
    const { writer, committer, ownership, residents } = setUp(3, false, [1, 2]);
    await ownership.ensure();
    await committer.commit([send('before', null, 'p1.r'), send('before', null, 'p2.r')], false);
    const frame = [send('one', 'k', 'p1.r'), send('two', 'k', 'p2.r')];
    writer.mishaps.push({ failure: 'lost', applied });
    writer.others.add(2);
    ownership.want(new Set([1]));
    const result = await committer.commit(frame, false);
    t.deepEqual(codes(result), ['ok', 'moved']);
    t.false(ownership.owns(2));
    t.is(residents.peek('p2.r'), null, 'nothing of its rooms stays in memory');
    const heir = setUp(3, false, [2]);
    heir.writer.take(writer);
    const retried = await heir.committer.commit(frame.slice(1), true);
    t.deepEqual(codes(retried), ['ok']);
    t.deepEqual(versions(retried), [2]);
    t.is(heir.writer.messages.filter(({ key }) => key === 'p2.r').length, 2);
  });

test('what was held when the session ended is waited for: its old session may take a while to end', async (t) => {
  const { writer, committer, ownership } = setUp(3, false, [1]);
  await ownership.ensure();
  writer.mishaps.push({ failure: 'lost', applied: true });
  writer.others.add(1);
  const committing = committer.commit([send('a', null, 'p1.r')], false);
  await until(() => writer.refusals > 1);
  writer.others.delete(1);
  t.deepEqual(codes(await committing), ['ok']);
  t.is(writer.messages.length, 1);
});

test('law 6: a yielded partition leaves memory before its lock is freed, and comes back under a later epoch', async (t) => {
  const { writer, committer, ownership, residents } = setUp(3, false, [1, 2]);
  await ownership.ensure();
  await committer.commit([send('a', null, 'p1.r'), send('a', null, 'p2.r')], false);
  writer.onYield = () => t.is(residents.peek('p1.r'), null);
  ownership.want(new Set([2]));
  t.true(await ownership.settle());
  t.deepEqual(writer.yielded, [1]);
  t.not(residents.peek('p2.r'), null);
  t.deepEqual(codes(await committer.commit([send('b', null, 'p1.r')], false)), ['moved']);
  ownership.want(new Set([1, 2]));
  t.true(await ownership.settle());
  t.deepEqual(codes(await committer.commit([send('b', null, 'p1.r')], false)), ['ok']);
});

test('a lone shard takes all of its partitions or none, and waits', async (t) => {
  const { writer, committer, ownership, held } = setUp(3, true, [1, 2]);
  writer.others.add(2);
  const committing = committer.commit([send('a', null, 'p1.r')], false);
  await until(() => writer.refusals > 1);
  t.deepEqual(held, []);
  t.false(ownership.owns(1), 'or two that each hold what the other wants would wait for ever');
  writer.others.delete(2);
  t.deepEqual(codes(await committing), ['ok']);
  t.deepEqual(held, [true]);
});

test('a store that stays away without writing ends in a retryable refusal, and nobody is left in the room', async (t) => {
  const { writer, committer } = setUp();
  const join: Command = { kind: 'join', id: 'j', key: 'room', userId: 'bob', socketId: 's', since: null };
  writer.always = 'transient';
  t.deepEqual(codes(await committer.commit([join, send('a')], false)), ['UNAVAILABLE', 'UNAVAILABLE']);
  writer.always = null;
  const again = await committer.commit([join], false);
  t.is(packets(again).length, 1, 'bob joins for the first time');
});

test('law 7: a command that takes the store too long is found, and its neighbours are answered', async (t) => {
  const { writer, committer, retries } = setUp();
  for (const key of ['heavy', 'light']) await committer.commit([send('x', null, key)], false);
  const facts = writer.facts.bind(writer);
  writer.facts = (asked) =>
    asked.some(({ key }) => key === 'heavy') ? Promise.reject(new StoreError('slow', 'time-out')) : facts(asked);
  const join = (key: string): Command => ({ kind: 'join', id: 'j', key, userId: 'bob', socketId: key, since: 0 });
  const result = await committer.commit(
    [send('a'), join('light'), send('b', null, 'light'), join('heavy'), send('c')],
    false,
  );
  t.deepEqual(codes(result), ['ok', 'ok', 'ok', 'UNAVAILABLE', 'ok']);
  t.deepEqual(
    writer.messages.slice(2).map(({ content }) => content),
    ['a', 'b', 'c'],
  );
  t.true(retries.every((reason) => reason === 'slow'));
});

test('a store that is slow for everything ends in retryable refusals by the deadline, not in one wait per command', async (t) => {
  const { writer, committer, retries } = setUp();
  writer.always = 'slow';
  const commands = Array.from({ length: 64 }, () => send('x'));
  t.true(codes(await committer.commit(commands, false)).every((code) => code === 'UNAVAILABLE'));
  writer.always = null;
  t.true(retries.length > 0);
  t.deepEqual(codes(await committer.commit(commands, false)), Array(64).fill('ok'));
});

test('law 9: a batch that needs too much is divided before the store is asked, and every command is answered', async (t) => {
  const { writer, committer, retries } = setUp();
  await committer.commit(
    Array.from({ length: 250 }, () => send('x')),
    false,
  );
  const rows: number[] = [];
  const facts = writer.facts.bind(writer);
  writer.facts = (asked) => {
    const needs = asked.flatMap((each) => each.needs);
    rows.push(needs.reduce((sum, need) => sum + (need.need === 'changes' ? need.limit + 1 : 1), 0));
    return facts(asked);
  };
  // So many that all of them bring more than a batch may: the room allows 100 changes per join.
  const joins = Array.from({ length: 100 }, (_, i): Command => ({
    kind: 'join',
    id: `j${i}`,
    key: 'room',
    userId: `u${i}`,
    socketId: `s${i}`,
    since: i + 1,
  }));
  const result = await committer.commit([...joins, send('y', null, 'other')], false);
  t.deepEqual(codes(result), Array(101).fill('ok'));
  t.true(rows.length > 1);
  t.true(
    rows.every((each) => each <= 4_000),
    String(rows),
  );
  t.deepEqual(retries, []);
  t.deepEqual(
    result.bursts.flatMap(({ events }) => events.map(({ at }) => at)),
    Array.from({ length: 101 }, (_, at) => at),
    'the places are those of the whole frame',
  );
});

test('laws 1-5: whatever goes wrong, every acked message is stored once, gapless, and told once in order', async (t) => {
  const failure = fc.constantFrom<WriteFailure>('lost', 'fenced', 'stale', 'slow', 'transient');
  const mishap: fc.Arbitrary<Mishap | null> = fc.option(fc.record({ failure, applied: fc.boolean() }), { freq: 2 });
  const command = fc.oneof(
    fc.record({
      do: fc.constant('send' as const),
      room: fc.constantFrom('r1', 'r2'),
      client: fc.constantFrom(null, 'a', 'b', 'c'),
    }),
    fc.record({
      do: fc.constantFrom('edit' as const, 'delete' as const),
      room: fc.constantFrom('r1', 'r2'),
      pick: fc.nat(),
    }),
    fc.record({ do: fc.constant('poison' as const), room: fc.constantFrom('r1', 'r2') }),
  );
  const frames = fc.array(fc.record({ commands: fc.array(command, { minLength: 1, maxLength: 6 }), mishap }), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(frames, async (script) => {
      const { writer, committer } = setUp(2);
      const told = new Map<string, number[]>();
      for (const frame of script) {
        if (frame.mishap !== null)
          writer.mishaps.push(frame.mishap.failure === 'lost' ? frame.mishap : { ...frame.mishap, applied: false });
        const commands = frame.commands.map((one): Command => {
          if (one.do === 'send') return send(`text ${ids}`, one.client, one.room);
          if (one.do === 'poison') return send(MemoryWriter.poison, null, one.room);
          const inRoom = writer.messages.filter(({ key }) => key === one.room);
          const messageId = inRoom[one.pick % Math.max(1, inRoom.length)]?.id ?? '00000000-0000-7000-8000-999999999999';
          const base = { id: `x${++ids}`, key: one.room, userId: 'ann', messageId };
          return one.do === 'edit' ? { ...base, kind: 'edit', content: `edited ${ids}` } : { ...base, kind: 'delete' };
        });
        const { outcomes, bursts } = await committer.commit(commands, false);
        for (const { key, events } of bursts) {
          const list = told.get(key) ?? [];
          told.set(key, list);
          for (const { version } of events) {
            const last = list.at(-1) ?? 0;
            // What the edge does: a version it has told already is dropped, a jump is announced by resync_required.
            // A jump can only come from a frame that had committed before its outcome was lost.
            if (version === null || version <= last) continue;
            t.true(
              version === last + 1 || (frame.mishap?.failure === 'lost' && frame.mishap.applied),
              'no silent hole',
            );
            list.push(version);
          }
        }
        outcomes.forEach((outcome, i) => {
          const asked = commands[i];
          if (!outcome.ok || asked?.kind !== 'send') return;
          const { id } = JSON.parse(outcome.answer.body) as { id: string };
          t.is(writer.messages.filter((message: Message) => message.id === id).length, 1);
        });
        for (const key of ['r1', 'r2']) {
          const stored = writer.messages.filter((message) => message.key === key);
          t.deepEqual(
            stored.map(({ seq }) => seq),
            stored.map((_, i) => i + 1),
            'gapless',
          );
          const keys = stored.flatMap(({ clientMsgId }) => (clientMsgId === null ? [] : [clientMsgId]));
          t.is(new Set(keys).size, keys.length, 'no client_msg_id twice');
          t.is(told.get(key)?.at(-1) ?? 0, writer.version(key), 'the last change was told');
        }
      }
    }),
    { numRuns: 150 },
  );
});
