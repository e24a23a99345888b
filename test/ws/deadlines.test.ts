/** One timer for the ends of all. */
import test, { type ExecutionContext } from 'ava';
import { Deadlines } from '../../src/ws/deadlines.js';

interface Item {
  readonly name: string;
  /** Milliseconds, monotonic. */
  due: number;
}

const inMs = (ms: number): number => performance.now() + ms;

class Ends {
  readonly items = new Set<Item>();
  readonly ended: string[] = [];
  readonly early: string[] = [];
  readonly deadlines: Deadlines<Item>;
  #told: () => void = () => undefined;

  constructor(t: ExecutionContext) {
    this.deadlines = new Deadlines<Item>(
      () => this.items,
      ({ due }) => due - performance.now(),
      (item) => {
        if (performance.now() < item.due) this.early.push(item.name);
        this.items.delete(item);
        this.ended.push(item.name);
        this.#told();
      },
    );
    t.teardown(() => {
      this.deadlines.stop();
    });
  }

  add(name: string, due: number): Item {
    const item = { name, due };
    this.items.add(item);
    this.deadlines.watch(item);
    return item;
  }

  async until(count: number): Promise<void> {
    while (this.ended.length < count) await new Promise<void>((resolve) => (this.#told = resolve));
  }
}

test('each ends at its time, whatever the order in which they came', async (t) => {
  const ends = new Ends(t);
  ends.add('never', Infinity);
  // Longer than a timer can wait: taken as it is, it would fire at once.
  ends.add('in a year', inMs(365 * 86_400_000));
  ends.add('second', inMs(400));
  ends.add('first', inMs(20));
  ends.add('first too', inMs(20));
  await ends.until(3);
  t.deepEqual(ends.ended, ['first', 'first too', 'second']);
  t.deepEqual(ends.early, []);
  t.is(ends.items.size, 2);
});

test('one that was given more time, or is gone, does not end, and those after it do', async (t) => {
  const ends = new Ends(t);
  const renewed = ends.add('renewed', inMs(20));
  const gone = ends.add('gone', inMs(20));
  renewed.due = inMs(60_000);
  ends.deadlines.watch(renewed);
  ends.items.delete(gone);
  ends.add('last', inMs(300));
  await ends.until(1);
  t.deepEqual(ends.ended, ['last']);
});

test('what is due already ends, but not within the call', async (t) => {
  const ends = new Ends(t);
  ends.add('late', inMs(-1_000));
  t.deepEqual(ends.ended, []);
  await ends.until(1);
  ends.add('late too', inMs(-1_000));
  await ends.until(2);
  t.deepEqual(ends.ended, ['late', 'late too']);
});
