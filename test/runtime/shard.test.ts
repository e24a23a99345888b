/** How a shard puts ownership, memory and frames together: over a store in memory, in a cluster. */
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import type { Command } from '../../src/actors/protocol/commands.js';
import { roomBehaviour } from '../../src/actors/room.js';
import type { FrameReply } from '../../src/runtime/frames.js';
import type { ShardSettings } from '../../src/runtime/host-protocol.js';
import { partitionOf } from '../../src/runtime/placement.js';
import { Shard } from '../../src/runtime/shard.js';
import { generousMs } from '../harness/eventually.js';
import { MemoryWriter } from './memory-writer.js';

const partitions = 4;

/** A room of the partition. */
function roomOf(partition: number): string {
  for (let i = 0; ; i++) if (partitionOf(`room-${i}`, partitions) === partition) return `room-${i}`;
}

async function setUp(
  t: { teardown: (fn: () => Promise<void>) => void },
  wanted: readonly number[],
  maxResidentRooms = 100,
) {
  const writer = new MemoryWriter();
  /** What the main thread would hear, in order. */
  const said: string[] = [];
  const replies: FrameReply[] = [];
  const settings: ShardSettings = {
    partitions,
    alone: false,
    recentMessages: 5,
    idleTtlMs: 60_000,
    maxResidentRooms,
    frameDeadlineMs: 1_000,
    replyDeadlineMs: 1_000,
    outbox: false,
  };
  const shard = new Shard({
    plan: { shard: 0, partitions: wanted },
    settings,
    behaviour: roomBehaviour({
      recentMessages: 5,
      recentBytes: 100_000,
      typingTtlMs: 5_000,
      typingQuietMs: 2_000,
      typingUsers: 10,
      marksKept: 10,
      removalsKept: 0,
      catchUpMessages: 100,
    }),
    writer,
    post: (reply) => {
      replies.push(reply);
      said.push(`frame ${reply.number}`);
    },
    onServing: (serving) => said.push(serving ? 'ready' : 'suspended'),
    onHeld: (held) => said.push(`held ${held.map(({ partition }) => partition).join(' ')}`.trim()),
    newId: uuidv7,
    metrics: {
      frameCommitted: () => undefined,
      frameRetried: () => undefined,
      resident: () => undefined,
      activated: () => undefined,
      evicted: () => undefined,
    },
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => shard.stop());
  await shard.start();
  let number = 0;
  const run = async (...commands: Command[]): Promise<FrameReply> => {
    number += 1;
    shard.accept({ type: 'frame', shard: 0, number, resent: false, commands });
    return until(() => replies.find((reply) => reply.number === number));
  };
  return { shard, writer, said, replies, run };
}

async function until<T>(find: () => T | undefined | false): Promise<T> {
  for (const end = Date.now() + generousMs; Date.now() < end; await turn()) {
    const found = find();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error('never came true');
}

function send(key: string): Command {
  const names = { senderId: 'ann', senderName: 'Ann', senderDisplayName: null, receiverId: null };
  const body = { content: 'hello', messageType: 'text', clientMsgId: null, replyTo: null, metadata: null };
  return { kind: 'send', id: uuidv7(), key, ...names, ...body };
}

function join(key: string, userId: string, socketId: string): Command {
  return { kind: 'join', id: uuidv7(), key, userId, socketId, since: null };
}

test('what is not wanted any more is given away between frames, and the main thread hears of it after the frame', async (t) => {
  const { shard, writer, said, run } = await setUp(t, [0, 1]);
  const gate = writer.hold();
  const running = run(send(roomOf(0)));
  await gate.reached;
  shard.want([1]);
  for (let i = 0; i < 10; i++) await turn();
  t.deepEqual(writer.yielded, [], 'not while a frame is under way');
  gate.open();
  t.true((await running).outcomes[0]?.ok);
  await until(() => said.at(-1) === 'held 1');
  t.deepEqual(writer.yielded, [0]);
  t.deepEqual(said, ['held 0 1', 'ready', 'frame 1', 'held 1']);
  t.deepEqual((await run(send(roomOf(0)))).outcomes, [{ ok: false, moved: true }]);
});

test('law 6: a partition that was away is read again, and nobody of before is in its rooms', async (t) => {
  const { shard, writer, said, run } = await setUp(t, [0]);
  const key = roomOf(0);
  await run(join(key, 'ann', 'n/1'));
  shard.want([]);
  await until(() => said.at(-1) === 'held');
  shard.want([0]);
  await until(() => said.at(-1) === 'held 0');
  const reads = writer.roomsRead.length;
  const reply = await run(join(key, 'ann', 'n/2'));
  t.deepEqual(writer.roomsRead.slice(reads), [key]);
  t.is(reply.bursts.length, 1, 'ann comes anew');
});

test('law 6: after the end of a session rooms are read again, and everything held is taken again first', async (t) => {
  const { writer, said, run } = await setUp(t, [0, 1]);
  await run(send(roomOf(1)));
  writer.mishaps.push({ failure: 'lost', applied: true });
  await run(send(roomOf(0)));
  t.deepEqual(said.slice(3), ['held', 'suspended', 'held 0 1', 'ready', 'frame 2']);
  const reads = writer.roomsRead.length;
  await run(send(roomOf(1)));
  t.deepEqual(writer.roomsRead.slice(reads), [roomOf(1)]);
});

test('frames that need nothing of the database do not stand for the heartbeat of its session', async (t) => {
  const { writer, run } = await setUp(t, [0]);
  const key = roomOf(0);
  await run(join(key, 'ann', 'n/1'));
  for (const end = Date.now() + generousMs; writer.heartbeats === 0 && Date.now() < end; await pause(20))
    await run({ kind: 'typing_users', id: uuidv7(), key });
  t.true(writer.heartbeats > 0, 'an idle session would have been ended by the server');
});

test('what is wanted and not free is claimed as soon as it is', async (t) => {
  const { shard, writer, said } = await setUp(t, []);
  writer.others.add(2);
  shard.want([2, 3]);
  await until(() => said.includes('held 3'));
  writer.others.delete(2);
  await until(() => said.at(-1) === 'held 3 2');
  t.pass();
});

test('the sockets of dead nodes are forgotten, in rooms that have some', async (t) => {
  const { shard, replies, run } = await setUp(t, [0, 1]);
  await run(join(roomOf(0), 'ann', 'dead/1'), join(roomOf(0), 'bob', 'live/1'), join(roomOf(1), 'cyd', 'live/2'));
  shard.forget(['dead']);
  const reply = await until(() => replies.find(({ number }) => number === 0));
  t.is(reply.outcomes.length, 1);
  t.deepEqual(
    reply.bursts.flatMap(({ events }) => events.map(({ packet }) => packet)),
    [`["user_left",{"userId":"ann","roomId":"${roomOf(0)}"}]`],
  );
});

function page(key: string, limit = 5): Command {
  return { kind: 'page', id: uuidv7(), key, query: { limit, from: { by: 'offset', offset: 0 } } };
}

function bodyOf(reply: FrameReply, at = 0): unknown {
  const outcome = reply.outcomes[at];
  return outcome?.ok === true ? JSON.parse(outcome.answer.body) : outcome;
}

test('a page reads no room into memory: it is answered where the room is there, with what was sent before it', async (t) => {
  const { writer, run } = await setUp(t, [0, 1]);
  const [warm, cold] = [roomOf(0), roomOf(1)];
  t.is(bodyOf(await run(page(warm))), null);
  t.deepEqual(writer.roomsRead, []);
  await run(join(warm, 'ann', 'n/1'));
  const reads = writer.roomsRead.length;
  const reply = await run(send(warm), page(warm), page(cold), send(warm), page(warm));
  t.like(bodyOf(reply, 1), { data: [{ seq: 1 }], pagination: { total: 1 } });
  t.is(bodyOf(reply, 2), null);
  t.like(bodyOf(reply, 4), { data: [{ seq: 1 }, { seq: 2 }], pagination: { total: 2, next: null, prev: null } });
  t.deepEqual(writer.roomsRead.slice(reads), []);
  writer.mishaps.push({ failure: 'data', applied: false });
  t.like(await run(send(warm)), { outcomes: [{ ok: false }] });
  t.is(bodyOf(await run(page(warm))), null, 'a frame that did not commit leaves no memory to speak from');
});

test('laws 6, 11: memory that may be another owner’s by now says nothing before the session has proven itself', async (t) => {
  const { writer, run } = await setUp(t, [0]);
  const key = roomOf(0);
  await run(join(key, 'ann', 'n/1'), send(key));
  t.truthy(bodyOf(await run(page(key))));
  t.is(writer.heartbeats, 0);
  // Frozen for a while, but nobody took it.
  writer.proven = performance.now() - 6_000;
  t.truthy(bodyOf(await run(page(key))));
  t.is(writer.heartbeats, 1);
  // Frozen, and another one was the owner meanwhile.
  writer.proven = performance.now() - 60_000;
  writer.end();
  t.is(bodyOf(await run(page(key))), null);
  const reads = writer.roomsRead.length;
  await run(join(key, 'bob', 'n/2'));
  t.deepEqual(writer.roomsRead.slice(reads), [key]);
});

test('law 9: a shard that is full of occupied rooms serves on, refuses to occupy more, and has place after a leave', async (t) => {
  const { writer, run } = await setUp(t, [0, 1, 2, 3], 3);
  const rooms = [0, 1, 2, 3].map(roomOf);
  const [first = '', second = '', , fourth = ''] = rooms;
  const codes = ({ outcomes }: FrameReply): string[] =>
    outcomes.map((outcome) => (outcome.ok ? 'ok' : 'moved' in outcome ? 'moved' : outcome.rejection.code));
  t.deepEqual(codes(await run(...rooms.map((key) => join(key, 'ann', `n/${key}`)))), ['ok', 'ok', 'ok', 'OVERLOADED']);
  t.deepEqual(codes(await run(join(first, 'bob', 'n/bob'))), ['ok'], 'a room that is occupied takes everybody');
  const announced = { kind: 'announce', id: uuidv7(), key: fourth, occupants: [['dan', 'n/dan']] } as const;
  t.deepEqual(codes(await run(announced)), ['ok'], 'they are in it already');

  const reads = writer.roomsRead.length;
  for (let i = 0; i < 5; i++) t.deepEqual(codes(await run(...rooms.map(send))), ['ok', 'ok', 'ok', 'ok']);
  t.deepEqual(writer.roomsRead.slice(reads), [], 'nobody is put out and read again');
  t.deepEqual(codes(await run(send('guest'), join('guest', 'eve', 'n/eve'))), ['ok', 'OVERLOADED']);

  const leave = (key: string, userId: string, socketId: string): Command => ({
    kind: 'leave',
    id: uuidv7(),
    key,
    userId,
    socketId,
  });
  t.deepEqual(codes(await run(leave(fourth, 'dan', 'n/dan'), join('guest', 'eve', 'n/eve'))), ['ok', 'OVERLOADED']);
  t.deepEqual(codes(await run(leave(second, 'ann', `n/${second}`), join('guest', 'eve', 'n/eve'))), ['ok', 'ok']);
  t.deepEqual(codes(await run(join(second, 'ann', 'n/ann'))), ['OVERLOADED']);
});
