import test from 'ava';
import type { RoomSnapshot } from '../../src/actors/protocol/state.js';
import type { Behaviour } from '../../src/runtime/behaviour.js';
import { Residents, RoomCell } from '../../src/runtime/residents.js';

/** A room that only knows who is in it and how often it was read. */
interface Toy {
  lastSeq: number;
  occupants: number;
}

const toy: Behaviour<Toy, null> = {
  activate: (snapshot) => ({ lastSeq: snapshot.lastSeq, occupants: 0 }),
  needs: () => [],
  supply: () => undefined,
  decide: () => ({ ok: true, events: [], reply: null }),
  evolve: (state) => state,
  encodeReply: () => ({ body: '{}', resync: null }),
  broadcasts: () => [],
  settle: () => undefined,
  deadline: () => null,
  hosts: () => false,
  occupied: (state) => state.occupants > 0,
  carry: (old, fresh) => ({ ...fresh, occupants: old.occupants }),
  lastSeq: (state) => state.lastSeq,
  lastVersion: (state) => state.lastSeq,
};

function setUp(max = 100) {
  const reads: string[][] = [];
  let failing = false;
  const residents = new Residents(toy, {
    max,
    idleTtlMs: 100,
    partitionOf: () => 0,
    read: (keys): Promise<RoomSnapshot[]> => {
      reads.push([...keys]);
      if (failing) return Promise.reject(new Error('away'));
      return Promise.resolve(
        keys.map((key) => ({ key, lastSeq: reads.length, lastVersion: reads.length, recent: [] })),
      );
    },
  });
  return { residents, reads, fail: (value: boolean) => (failing = value) };
}

test('cold rooms are read in one go, active ones not again', async (t) => {
  const { residents, reads } = setUp();
  await residents.activate(['a', 'b', 'a'], 0);
  await residents.activate(['b', 'c'], 1);
  await residents.activate(['a', 'b', 'c'], 2);
  t.deepEqual(reads, [['a', 'b'], ['c']]);
  t.is(residents.activations, 3);
});

test('a room whose frame did not commit is read again and keeps its occupants', async (t) => {
  const { residents, reads } = setUp();
  const first = await residents.activate(['a', 'b'], 0);
  const before = first.get('a')?.state;
  if (before === undefined || before === null) return t.fail();
  before.occupants = 3;
  residents.invalidate(['a']);
  const again = await residents.activate(['a', 'b'], 1);
  t.deepEqual(reads, [['a', 'b'], ['a']]);
  t.deepEqual(again.get('a')?.state, { lastSeq: 2, occupants: 3 });
});

test('law 6: no durable state outlives the connection under which it was read', async (t) => {
  const { residents, reads } = setUp();
  await residents.activate(['a', 'b'], 0);
  residents.invalidateAll();
  await residents.activate(['a', 'b'], 1);
  t.deepEqual(reads, [
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

test('a failed read leaves no half-made room behind, and forgets no occupant', async (t) => {
  const { residents, fail } = setUp();
  const state = (await residents.activate(['a'], 0)).get('a')?.state;
  if (state === undefined || state === null) return t.fail();
  state.occupants = 1;
  residents.invalidateAll();
  fail(true);
  await t.throwsAsync(residents.activate(['a', 'b'], 1), { message: 'away' });
  t.is(residents.size, 1);
  fail(false);
  t.is((await residents.activate(['a'], 2)).get('a')?.state?.occupants, 1);
});

test('empty rooms leave after the idle time, occupied and used ones stay', async (t) => {
  const { residents } = setUp();
  const cells = await residents.activate(['idle', 'occupied'], 0);
  const occupied = cells.get('occupied')?.state;
  if (occupied === undefined || occupied === null) return t.fail();
  occupied.occupants = 1;
  residents.settle(cells.values());
  await residents.activate(['used'], 60);
  residents.evictIdle(120);
  t.deepEqual(
    [...'idle occupied used'.split(' ')].map((key) => residents.peek(key) !== null),
    [false, true, true],
  );
  t.is(residents.evictions, 1);
});

test('one sweep lets all idle rooms go', async (t) => {
  const { residents } = setUp(1_000);
  await residents.activate(
    Array.from({ length: 500 }, (_, i) => `room-${i}`),
    0,
  );
  residents.evictIdle(1_000);
  t.is(residents.size, 0);
});

/** One frame: so many rooms, with so many in each afterwards. */
async function frame(residents: Residents<Toy, null>, rooms: Record<string, number>, now = 0): Promise<void> {
  const cells = await residents.activate(Object.keys(rooms), now);
  for (const { key, state } of cells.values()) if (state !== null) state.occupants = rooms[key] ?? 0;
  residents.settle(cells.values());
  residents.evictSurplus();
}

test('law 9: empty rooms never stay in memory above the bound, used or not', async (t) => {
  const { residents } = setUp(4);
  await frame(residents, { occupied: 1 });
  for (let i = 0; i < 50; i++) {
    await frame(residents, { [`room-${i}`]: 0 });
    t.true(residents.size <= 4);
  }
  t.not(residents.peek('occupied'), null);
});

test('occupied rooms never leave, and are counted by the frames that settled', async (t) => {
  const { residents, reads } = setUp(2);
  t.is(residents.free, 2);
  await frame(residents, { a: 1, b: 1, c: 1 });
  t.is(residents.free, -1, 'they were announced');
  for (let i = 0; i < 10; i++) await frame(residents, { a: 1, b: 1, c: 1, [`guest-${i}`]: 0 });
  t.is(residents.size, 3);
  t.deepEqual(
    reads.flat().filter((key) => 'abc'.includes(key)),
    ['a', 'b', 'c'],
    'each is read once',
  );
  const cells = await residents.activate(['a'], 0);
  for (const { state } of cells.values()) if (state !== null) state.occupants = 0;
  residents.invalidate(['a']);
  residents.evictIdle(1_000_000);
  t.is(residents.size, 3, 'a frame that did not commit emptied nothing');
  await frame(residents, { a: 0 });
  t.is(residents.free, 0);
  await frame(residents, { b: 0 });
  t.is(residents.free, 1);
  residents.drop(new Set([0]));
  t.is(residents.free, 2);
});

test('a life never takes a path that is not in the picture', (t) => {
  const cell = new RoomCell<Toy>('a', 0);
  t.throws(() => cell.advance('active'), { message: /cold cannot become active/ });
  cell.advance('activating');
  cell.advance('active');
  t.throws(() => cell.advance('cold'), { message: /active cannot become cold/ });
  cell.advance('evicting');
  cell.advance('cold');
  t.is(cell.life, 'cold');
});
