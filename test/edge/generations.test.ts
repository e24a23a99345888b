/** What the bounded memory keeps, and how much at most. */
import test from 'ava';
import fc from 'fast-check';
import { Generations } from '../../src/edge/generations.js';

test('the keys written last are kept with their newest value, and never more than two generations', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }),
      (capacity, writes) => {
        const memory = new Generations<number>(capacity);
        const newest = new Map<string, number>();
        for (const [at, n] of writes.entries()) {
          const key = `k${n}`;
          memory.set(key, at);
          newest.delete(key);
          newest.set(key, at);
          const last = [...newest].slice(-capacity);
          if (!last.every(([each, value]) => memory.get(each) === value)) return false;
          const kept = [...newest.keys()].filter((each) => memory.get(each) !== undefined);
          if (kept.length > 2 * capacity || kept.some((each) => memory.get(each) !== newest.get(each))) return false;
        }
        return true;
      },
    ),
  );
  t.pass();
});
