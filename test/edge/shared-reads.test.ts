/** Reads that are shared: never older than the asking, two for any number of equal callers, bounded. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { SharedReads } from '../../src/edge/shared-reads.js';

/** A store whose reads see what was written when they began, and answer when they are told to. */
class SlowStore {
  value = 0;
  begun = 0;
  #answers: (() => void)[] = [];

  read = (): Promise<number> => {
    const seen = this.value;
    this.begun += 1;
    return new Promise((resolve) => this.#answers.push(() => resolve(seen)));
  };

  answer(): void {
    this.#answers.shift()?.();
  }

  get waiting(): number {
    return this.#answers.length;
  }
}

const step = fc.oneof(
  fc.constant('write' as const),
  fc.constant('ask' as const),
  fc.constant('ask' as const),
  fc.constant('answer' as const),
);

test('nobody gets what is older than a write acknowledged before they asked, whatever the order of things', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = new SlowStore();
      const reads = new SharedReads<number>({ things: 10, callers: 100 });
      const asked: Promise<void>[] = [];
      for (const name of steps) {
        if (name === 'write') store.value += 1;
        else if (name === 'answer') store.answer();
        else {
          const known = store.value;
          asked.push(
            reads.read('page', store.read).then((seen) => {
              assert(seen !== null && seen >= known, `${seen} is older than ${known}`);
            }),
          );
        }
        assert(store.waiting <= 1, 'one read of a thing at a time');
        await turn();
      }
      for (; store.waiting > 0; await turn()) store.answer();
      await Promise.all(asked);
      assert(store.begun <= asked.length);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('a thousand callers at once cost two reads', async (t) => {
  const store = new SlowStore();
  const reads = new SharedReads<number>({ things: 10, callers: 2_000 });
  const asked = Array.from({ length: 1_000 }, () => reads.read('page', store.read));
  t.is(store.begun, 1);
  store.value = 7;
  store.answer();
  await turn();
  t.is(store.begun, 2);
  store.answer();
  const seen = await Promise.all(asked);
  t.deepEqual([seen[0], ...new Set(seen.slice(1))], [0, 7]);
  t.is(reads.shared, 998);
  void reads.read('page', store.read);
  t.is(store.begun, 3, 'nothing is kept');
});

test('a failed read is told to all who share it, and is over with it', async (t) => {
  const reads = new SharedReads<number>({ things: 10, callers: 10 });
  const fail = (): Promise<number> => Promise.reject(new Error('down'));
  const asked = [1, 2, 3].map(() => reads.read('page', fail));
  for (const one of await Promise.allSettled(asked)) t.is(one.status, 'rejected');
  await turn();
  t.is(await reads.read('page', () => Promise.resolve(5)), 5);
});

test('law 9: over the bound of things a read goes alone, over the bound of callers there is none', async (t) => {
  const store = new SlowStore();
  const reads = new SharedReads<number>({ things: 1, callers: 4 });
  const asked = ['a', 'b', 'b', 'a'].map((name) => reads.read(name, store.read));
  t.is(store.begun, 3, 'the two of b do not wait for each other');
  t.is(await reads.read('a', store.read), null);
  for (let i = 0; i < 4; i += 1, await turn()) store.answer();
  t.deepEqual(await Promise.all(asked), [0, 0, 0, 0]);
  const again = reads.read('b', store.read);
  store.answer();
  t.is(await again, 0);
});
