/** The room actor beside a naive model with the whole history at hand, over random streams, frames and losses of memory. */
import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Command } from '../../src/actors/protocol/commands.js';
import { directKey, roomIdOf } from '../../src/actors/protocol/ids.js';
import type { RoomState } from '../../src/actors/room.js';
import { limits, room } from './support/commands.js';
import { Host, type Step } from './support/host.js';
import { Model, type Expected } from './support/model.js';
import { frame, toCommand } from './support/streams.js';

const runs = { numRuns: 300 };

/** Every text that the state holds, whatever structure it is in. */
function textOf(state: RoomState, step: Step): string {
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value;
  return JSON.stringify([state, step], plain);
}

/** Contents that deleted messages ever had. */
function deadContents(model: Model): string[] {
  return model.messages
    .filter((message) => message.deletedAt > 0)
    .flatMap((message) => [...message.contents, ...(message.command.metadata?.match(/<<\d+>>/g) ?? [])]);
}

/** What one command of a frame must lead to. */
interface Expectation {
  readonly want: Expected;
  /**
   * The unread count of a join is exact, unless the user's mark moved in the same frame and stayed behind the ring: then
   * it may be as it was before this mark.
   */
  readonly unreadUpTo: number;
  readonly ringFrom: number;
  readonly dead: readonly string[];
}

function expectation(
  model: Model,
  command: Command,
  now: number,
  readAtStart: ReadonlyMap<string, number>,
): Expectation {
  const want = model.apply(command, now);
  let unreadUpTo = 0;
  if (command.kind === 'join') {
    const { read } = model.mark(command.userId);
    const atStart = readAtStart.get(command.userId) ?? 0;
    unreadUpTo = model.unread(command.userId, read < model.ringFrom - 1 ? atStart : read);
  }
  return { want, unreadUpTo, ringFrom: model.ringFrom, dead: deadContents(model) };
}

/** A retry's original that lies behind the ring comes from the store: receipts of the same frame are not in it yet. */
function comparable(body: Record<string, unknown> | null, command: Command, ringFrom: number): Record<string, unknown> {
  const original = command.kind === 'send' && body !== null && Number(body['seq']) < ringFrom;
  const counts = original ? { is_delivered: null, is_read: null, delivered_count: null, read_count: null } : {};
  return { ...body, ...counts };
}

function checkStep(step: Step, { want, unreadUpTo, ringFrom }: Expectation, command: Command): void {
  const { unread, ...body } = comparable(step.body, command, ringFrom);
  const { unread: least, ...wanted } = comparable(want.body, command, ringFrom);
  assert.deepEqual(
    [step.code, step.resync, step.heard, step.body === null ? null : body],
    [want.code, want.resync, want.heard, want.body === null ? null : wanted],
    JSON.stringify(command),
  );
  if (command.kind === 'join' && typeof unread === 'number' && typeof least === 'number')
    assert(unread >= least && unread <= unreadUpTo, `unread is ${unread}, not ${least}..${unreadUpTo}`);
}

type Frame = typeof frame extends fc.Arbitrary<infer T> ? T : never;

/** Runs a stream of frames through both and compares whatever can be heard. */
function compare(frames: readonly Frame[], key: string): void {
  const model = new Model(limits, roomIdOf(key));
  const host = new Host(limits, key);
  let now = 100_000;
  for (const { clock, before, operations } of frames) {
    now = Math.max(1, now + clock);
    if (before === 'reactivate') {
      host.reactivate();
      model.forgetEphemeral();
    } else if (before === 'reread') host.reread();
    model.beginFrame();
    const readAtStart = new Map(model.marks.map((row) => [row.userId, row.read]));
    const expected = new Map<Command, Expectation>();
    for (const operation of operations) {
      const command = toCommand(operation, model, key);
      expected.set(command, expectation(model, command, now, readAtStart));
    }
    host.watch = (state, command, step) => {
      const text = textOf(state, step);
      const leak = expected.get(command)?.dead.find((dead) => text.includes(dead));
      assert.equal(leak, undefined, 'law 11: content of a deleted message');
    };
    const commands = [...expected.keys()];
    host.run(commands, now).forEach((step, i) => {
      const command = commands[i];
      const want = command === undefined ? undefined : expected.get(command);
      if (command === undefined || want === undefined) assert.fail('a step without a command');
      checkStep(step, want, command);
    });
  }
  assert.deepEqual(
    host.database.messages().map(({ id, seq, version, content }) => ({ id, seq, version, content })),
    model.messages.map(({ command, seq, version, content }) => ({ id: command.id, seq, version, content })),
  );
}

test('laws 2, 3, 5, 8, 11: a room says what the model says, whatever is behind its memory', (t) => {
  t.timeout(120_000);
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 14 }), (frames) => compare(frames, room)),
    runs,
  );
  t.pass();
});

test('laws 2, 3, 5, 8, 11: a direct conversation says what the model says, with roomId null', (t) => {
  t.timeout(120_000);
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), (frames) => compare(frames, directKey('ann', 'bob'))),
    { numRuns: 60 },
  );
  t.pass();
});
