import test from 'ava';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { AnnounceCommand, Command } from '../../src/actors/protocol/commands.js';
import type { CommandFrame, LaneOutcome, Outcome } from '../../src/runtime/frames.js';
import { Lane } from '../../src/runtime/lane.js';

const nameOf = (outcome: LaneOutcome): string =>
  outcome.ok ? 'ok' : 'moved' in outcome ? 'moved' : outcome.rejection.code;

const done: Outcome = { ok: true, answer: { body: '{}', resync: null } };

function typing(id: string): Command {
  return { kind: 'typing', id, key: 'room', userId: 'u' };
}

/** A lane, the frames that its host was sent, and the answers that callers got. */
function setUp(overrides: Partial<ConstructorParameters<typeof Lane>[0]> = {}) {
  const frames: CommandFrame[] = [];
  const answers: string[] = [];
  const lane = new Lane({
    shard: 0,
    bounds: { highMark: 100, lowMark: 50 },
    frameMaxCommands: 10,
    frameMaxBytes: 1_000_000,
    replyDeadlineMs: 1_000,
    log: pino({ level: 'silent' }),
    ...overrides,
  });
  const post = (frame: CommandFrame): void => void frames.push(frame);
  const offer = (id: string, resent = false): void =>
    lane.offer(typing(id), (outcome) => answers.push(`${id}:${nameOf(outcome)}`), resent);
  const settle = (frame: CommandFrame | undefined): void => {
    if (frame === undefined) throw new Error('no such frame');
    const outcomes = frame.commands.map(() => done);
    lane.settle({ type: 'frame', shard: 0, number: frame.number, outcomes, bursts: [] });
  };
  return { lane, frames, answers, post, offer, settle };
}

const ids = (frame: CommandFrame | undefined): string => (frame?.commands ?? []).map(({ id }) => id).join(' ');

test('one frame is in flight at a time, and the next holds all that came meanwhile', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  offer('b');
  offer('c');
  await turn();
  t.is(frames.length, 1);
  settle(frames[0]);
  await turn();
  t.is(ids(frames[1]), 'b c');
  settle(frames[1]);
  t.deepEqual(answers, ['a:ok', 'b:ok', 'c:ok']);
});

test('half a frame that waits goes out beside the one in flight, and no third', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  for (const id of ['b', 'c', 'd', 'e']) offer(id);
  await turn();
  t.is(frames.length, 1, 'less than half a frame waits');
  offer('f');
  await turn();
  t.is(ids(frames[1]), 'b c d e f');
  for (const id of ['g', 'h', 'i', 'j', 'k']) offer(id);
  await turn();
  t.is(frames.length, 2);
  settle(frames[0]);
  await turn();
  t.is(ids(frames[2]), 'g h i j k');
  settle(frames[1]);
  settle(frames[2]);
  t.is(answers.join(' '), 'a:ok b:ok c:ok d:ok e:ok f:ok g:ok h:ok i:ok j:ok k:ok');
});

test('two frames in flight at a death are sent again in their order, the second after the first was answered', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  for (const id of ['b', 'c', 'd', 'e', 'f']) offer(id);
  await turn();
  for (const id of ['g', 'h', 'i', 'j', 'k']) offer(id);
  lane.close();
  lane.open(post, []);
  settle(frames[0]);
  await turn();
  t.deepEqual(frames.slice(2).map(ids), ['a'], 'nothing goes beside a frame that was at a death');
  settle(frames[2]);
  await turn();
  t.deepEqual(frames.slice(3).map(ids), ['b c d e f']);
  t.true(frames[3]?.resent);
  t.deepEqual(answers, ['a:ok']);
  settle(frames[3]);
  await turn();
  settle(frames[4]);
  t.is(answers.join(' '), 'a:ok b:ok c:ok d:ok e:ok f:ok g:ok h:ok i:ok j:ok k:ok');
});

test('the frame in flight at a death is sent again, marked, before everything that waited', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  offer('b');
  lane.close();
  t.deepEqual(answers, []);
  const announce: AnnounceCommand = { kind: 'announce', id: 'who', key: 'room', occupants: [['u', 's']] };
  lane.open(post, [announce]);
  await turn();
  t.is(ids(frames[1]), 'who');
  t.false(frames[1]?.resent);
  settle(frames[1]);
  await turn();
  t.is(ids(frames[2]), 'a');
  t.true(frames[2]?.resent);
  settle(frames[2]);
  await turn();
  t.is(ids(frames[3]), 'b');
  settle(frames[3]);
  t.deepEqual(answers, ['a:ok', 'b:ok']);
});

test('a frame is looked up if any command of it was sent before', async (t) => {
  const { lane, frames, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  offer('b', true);
  await turn();
  t.true(frames[0]?.resent);
  settle(frames[0]);
  offer('c');
  await turn();
  t.false(frames[1]?.resent);
});

test('a late reply of a dead host answers nobody', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  lane.close();
  lane.open(post, []);
  settle(frames[0]);
  t.deepEqual(answers, []);
  await turn();
  settle(frames[1]);
  t.deepEqual(answers, ['a:ok']);
});

test('law 7: a command that kills every host is found and dropped, its neighbours are answered', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp();
  for (const id of ['a', 'bad', 'c']) offer(id);
  lane.open(post, []);
  for (let turns = 0; turns < 20 && answers.length < 3; turns++) {
    await turn();
    const frame = frames.at(-1);
    if (frame?.commands.some(({ id }) => id === 'bad') === true) {
      lane.close();
      lane.open(post, []);
    } else settle(frame);
  }
  t.deepEqual(answers.toSorted(), ['a:ok', 'bad:UNAVAILABLE', 'c:ok']);
});

test('law 9: a caller is answered by the deadline even when the host never replies', async (t) => {
  const { lane, answers, post, offer } = setUp({ frameMaxCommands: 1 });
  lane.open(post, []);
  offer('a');
  await turn();
  offer('b');
  lane.expire(performance.now() + 2_000);
  t.deepEqual(answers.toSorted(), ['a:UNAVAILABLE', 'b:UNAVAILABLE']);
  t.is(lane.depth, 0, 'what was never sent is forgotten');
});

test('a storm of catch-ups is put off over several frames, and everybody else goes with the first', async (t) => {
  const { lane, frames, answers, post, offer, settle } = setUp({ frameMaxCommands: 100, frameMaxBytes: 1_048_576 });
  for (let i = 0; i < 40; i++)
    lane.offer({ kind: 'join', id: `j${i}`, key: `busy`, userId: 'u', socketId: `s${i}`, since: 1 }, () =>
      answers.push('join'),
    );
  offer('other');
  lane.open(post, []);
  for (let at = 0; answers.length < 41; at++) {
    await turn();
    settle(frames[at]);
  }
  t.true(frames.every(({ commands }) => commands.length <= 17));
  t.true(ids(frames[0]).includes('other'));
});

test('a lane is drained once nothing is queued or in flight', async (t) => {
  const { lane, frames, post, offer, settle } = setUp();
  lane.open(post, []);
  offer('a');
  let drained = false;
  const waiting = lane.drained().then(() => (drained = true));
  await turn();
  t.false(drained);
  settle(frames[0]);
  await waiting;
  t.true(drained);
});

test('a drain does not wait for a frame that nobody waits for any more', async (t) => {
  const { lane, answers, post, offer } = setUp();
  lane.open(post, []);
  offer('a');
  await turn();
  const drained = lane.drained();
  lane.expire(performance.now() + 2_000);
  await drained;
  t.deepEqual(answers, ['a:UNAVAILABLE']);
});
