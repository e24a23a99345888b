/** Law 5: what changed since a version, found without an index over versions, is what a scan of everything finds. */
import test from 'ava';
import fc from 'fast-check';
import type { Fence, Writer } from '../../src/runtime/store/port.js';
import { freshDatabase, type FreshDatabase } from '../harness/database.js';
import { acquire, erased, TestRoom, writerOn } from './rooms.js';

let database: FreshDatabase;
let writer: Writer;
let fences: readonly Fence[];
let rooms = 0;

test.before(async () => {
  database = await freshDatabase();
  writer = writerOn(database.connection, 'changes');
  fences = await acquire(writer, [0]);
});

test.after.always(async () => {
  await writer.release();
  await database.drop();
});

/** A frame of a room's life: how many messages it creates, and which of the older ones (as fractions) it edits or deletes. */
const frame = fc.record({
  created: fc.nat({ max: 4 }),
  edited: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 3 }),
  deleted: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 2 }),
});

test('law 5: changes since any version are exactly the messages with a later one', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 12 }),
      async (frames, limit) => {
        rooms += 1;
        const room = new TestRoom(`changes-${rooms}`);
        for (const { created, edited, deleted } of frames) {
          // A message changes at most once per frame, and a deleted one never again.
          const touched = new Map<number, 'edit' | 'delete'>();
          for (const at of edited) touched.set(Math.floor(at * room.lastSeq) + 1, 'edit');
          for (const at of deleted) touched.set(Math.floor(at * room.lastSeq) + 1, 'delete');
          const changes = [...touched]
            .filter(([seq]) => room.messages[seq - 1]?.deletedAt === null)
            .map(([seq, kind]) => ({
              seq,
              ...(kind === 'edit' ? { content: 'edited', editedAt: 1_000 } : erased(2_000)),
            }));
          await writer.append(room.frame(fences, new Array(created).fill({}), changes));
        }
        const needs = Array.from(
          { length: room.version + 2 },
          (_, since) => ({ need: 'changes', since, limit }) as const,
        );
        const [facts] = await writer.facts([{ key: room.key, needs }]);
        for (const { since } of needs) {
          const expected = room.messages.filter(({ version }) => version > since);
          const answer = facts?.changes.find((one) => one.since === since);
          t.deepEqual(answer, { since, messages: expected.length > limit ? null : expected });
        }
      },
    ),
    { numRuns: 60 },
  );
});
