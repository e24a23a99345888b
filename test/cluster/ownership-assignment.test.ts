/** Who should own what: rendezvous ranks, and the wish of each node as its view, its locks and the time change. */
import test from 'ava';
import fc from 'fast-check';
import { assign, noMemory, type Memory } from '../../src/runtime/cluster/assignment.js';
import type { ClusterView } from '../../src/runtime/cluster/port.js';
import { rank } from '../../src/runtime/cluster/rendezvous.js';

const partitions = 64;
const times = { takeOverStepMs: 500, stableMs: 2_000, staleMs: 3_000 };
const lookMs = 250;

test('ranks are the same everywhere, and fair', (t) => {
  const nodes = ['a', 'b', 'c'];
  const firsts = Array.from({ length: 3_000 }, (_, partition) => rank(partition, nodes)[0]);
  for (const node of nodes) {
    const share = firsts.filter((first) => first === node).length;
    t.true(share > 850 && share < 1_150, `${node}: ${share}`);
  }
  t.deepEqual(rank(7, ['c', 'a', 'b']), rank(7, nodes));
  t.deepEqual(rank(0, ['solo']), ['solo']);
});

test('a node that comes or goes moves only the partitions that it ranks first for', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 8 }), fc.uuid(), fc.nat(), (nodes, other, p) => {
      const before = rank(p, nodes)[0];
      const after = rank(p, [...nodes, other])[0];
      t.true(after === before || after === other);
      t.deepEqual(
        rank(p, [...nodes, other]).filter((node) => node !== other),
        rank(p, nodes),
      );
    }),
  );
});

/** Nodes, their views and the locks of one database. */
class World {
  now = 0;
  readonly #locks = new Map<number, string>();
  readonly #nodes = new Map<string, { draining: boolean; memory: Memory; yielded: number[] }>();
  /** Dead, and until when the others do not know. */
  readonly #dead = new Map<string, number>();
  #came = 0;
  /** Partitions that changed hands since the last reset. */
  moved = new Set<number>();

  get names(): string[] {
    return [...this.#nodes.keys()].sort();
  }

  get staying(): string[] {
    return this.names.filter((name) => this.#nodes.get(name)?.draining === false);
  }

  owner(partition: number): string | null {
    return this.#locks.get(partition) ?? null;
  }

  view(): ClusterView {
    return {
      nodes: [...this.names, ...[...this.#dead].flatMap(([id, until]) => (this.now < until ? [id] : []))]
        .sort()
        .map((id) => ({ id, draining: this.#nodes.get(id)?.draining === true })),
      owners: Array.from({ length: partitions }, (_, partition) => {
        const node = this.#locks.get(partition);
        return node === undefined ? null : { node, epoch: 1 };
      }),
    };
  }

  join(): void {
    if (this.#nodes.size >= 5) return;
    this.#nodes.set(`node-${++this.#came}`, { draining: false, memory: noMemory, yielded: [] });
  }

  kill(pick: number): void {
    const name = this.names[pick % Math.max(1, this.#nodes.size)];
    if (name === undefined || this.#nodes.size === 1) return;
    this.#nodes.delete(name);
    this.#dead.set(name, this.now + times.staleMs);
    for (const [partition, owner] of this.#locks) if (owner === name) this.#locks.delete(partition);
  }

  drain(pick: number): void {
    const node = this.#nodes.get(this.names[pick % Math.max(1, this.#nodes.size)] ?? '');
    if (node !== undefined) node.draining = true;
  }

  /** One node looks, by the view that it has, and its shards do what it wants. */
  look(name: string, view = this.view()): Memory | null {
    const node = this.#nodes.get(name);
    if (node === undefined) return null;
    const held = { has: (partition: number): boolean => this.#locks.get(partition) === name };
    node.memory = assign({ view, self: name, held, now: this.now, times }, node.memory);
    node.yielded = [];
    for (let partition = 0; partition < partitions; partition++) {
      const wants = node.memory.wanted.has(partition);
      if (held.has(partition) && !wants) {
        this.#locks.delete(partition);
        node.yielded.push(partition);
        this.moved.add(partition);
      } else if (wants && !this.#locks.has(partition)) this.#locks.set(partition, name);
    }
    return node.memory;
  }

  yieldedBy(name: string): readonly number[] {
    return this.#nodes.get(name)?.yielded ?? [];
  }

  isDraining(name: string): boolean {
    return this.#nodes.get(name)?.draining === true;
  }

  settle(): void {
    for (let looks = 0; looks < 200; looks++) {
      this.now += lookMs;
      for (const name of this.names) this.look(name);
    }
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('look' as const), pick: fc.nat(4), late: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1_500 }) }) },
  fc.record({ do: fc.constant('join' as const) }),
  fc.record({ do: fc.constant('kill' as const), pick: fc.nat(4) }),
  fc.record({ do: fc.constant('drain' as const), pick: fc.nat(4) }),
);

test('whatever comes and goes: it converges to the first ranks, in small steps', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World();
      world.join();
      let old = world.view();
      for (const one of steps) {
        if (one.do === 'wait') world.now += one.ms;
        else if (one.do === 'join') world.join();
        else if (one.do === 'kill') world.kill(one.pick);
        else if (one.do === 'drain') world.drain(one.pick);
        else {
          const name = world.names[one.pick % world.names.length] ?? '';
          const view = world.view();
          world.look(name, one.late && old.nodes.some(({ id }) => id === name) ? old : view);
          old = view;
          const yielded = world.yieldedBy(name);
          t.true(yielded.length <= partitions / 16 || world.isDraining(name), 'a few at a time');
        }
      }
      world.settle();
      const owners = world.staying.length > 0 ? world.staying : world.names;
      for (let partition = 0; partition < partitions; partition++)
        t.is(world.owner(partition), rank(partition, owners)[0] ?? null);
    }),
    { numRuns: 300 },
  );
});

test('at rest at most one node wants a partition, and it is the one that holds it', (t) => {
  const world = new World();
  for (let nodes = 0; nodes < 4; nodes++) world.join();
  world.settle();
  const wishes = world.names.map((name) => world.look(name)?.wanted ?? new Set<number>());
  for (let partition = 0; partition < partitions; partition++)
    t.is(wishes.filter((wish) => wish.has(partition)).length, 1);
});

test('a node that comes gets its share, and nothing else moves; nothing moves before the nodes are stable', (t) => {
  const world = new World();
  world.join();
  world.join();
  world.settle();
  const before = Array.from({ length: partitions }, (_, partition) => world.owner(partition));
  world.moved.clear();
  world.join();
  const joinedAt = world.now;
  while (world.now < joinedAt + times.stableMs - lookMs) {
    world.now += lookMs;
    for (const name of world.names) world.look(name);
  }
  t.is(world.moved.size, 0);
  world.settle();
  const shares = before.map((_, partition) => rank(partition, world.names)[0]);
  t.deepEqual(
    [...world.moved].sort((a, b) => a - b),
    shares.flatMap((owner, partition) => (owner === before[partition] ? [] : [partition])),
  );
});

test('when an owner dies the next in rank takes over one pause later, although the dead one still ranks first', (t) => {
  const world = new World();
  world.join();
  world.join();
  world.settle();
  const [dead = '', heir = ''] = world.names;
  const view = world.view();
  const free = view.owners.map((owner) => (owner?.node === dead ? null : owner));
  const late = { nodes: view.nodes, owners: free };
  const first = assign({ view: late, self: heir, held: new Set(), now: 1_000, times }, noMemory);
  const lost = free.flatMap((owner, partition) => (owner === null ? [partition] : []));
  t.true(lost.length > 0);
  for (const partition of lost) t.false(first.wanted.has(partition));
  const second = assign({ view: late, self: heir, held: new Set(), now: 1_500, times }, first);
  for (const partition of lost) t.true(second.wanted.has(partition));
});

test('nothing is handed to a node that died and is still in the view', (t) => {
  const world = new World();
  world.join();
  world.join();
  world.settle();
  world.moved.clear();
  world.kill(0);
  world.settle();
  t.is(world.moved.size, 0);
});

test('a draining node hands over everything at once, and keeps it when it is alone', (t) => {
  const world = new World();
  world.join();
  world.join();
  world.settle();
  const [leaving = ''] = world.names;
  world.drain(0);
  t.is(world.look(leaving)?.wanted.size, 0);
  const last = new World();
  last.join();
  last.settle();
  last.drain(0);
  t.is(last.look(last.names[0] ?? '')?.wanted.size, partitions);
});

test('what a shard lost with its session is still wanted while the view names this node', (t) => {
  const view: ClusterView = {
    nodes: [
      { id: 'a', draining: false },
      { id: 'b', draining: false },
    ],
    owners: Array.from({ length: partitions }, () => ({ node: 'a', epoch: 3 })),
  };
  const all = new Set(view.owners.keys());
  const holding = assign({ view, self: 'a', held: all, now: 0, times }, noMemory);
  t.is(holding.wanted.size, partitions);
  const suspended = assign({ view, self: 'a', held: new Set(), now: 10, times }, holding);
  t.is(suspended.wanted.size, partitions);
});
