import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { partitionOf } from '../../src/runtime/placement.js';
import { partitions, rooms, World, type SimNode } from './support/world.js';

type Step =
  | readonly ['send' | 'join', node: number, room: number]
  | readonly ['execute', node: number, most: number]
  | readonly ['deliver' | 'drop' | 'copy', place: number]
  | readonly ['move', partition: number, node: number]
  | readonly ['free', partition: number]
  | readonly ['look', node: number]
  | readonly ['pass', ms: number]
  | readonly ['kill', node: number];

const count = 3;
const node = fc.nat(count - 1);
const partition = fc.nat(partitions - 1);
const usual: readonly fc.Arbitrary<Step>[] = [
  fc.tuple(fc.constantFrom('send' as const, 'join' as const), node, fc.nat(rooms.length - 1)),
  fc.tuple(fc.constant('execute' as const), node, fc.integer({ min: 1, max: 3 })),
  fc.tuple(fc.constant('move' as const), partition, node),
  fc.tuple(fc.constant('free' as const), partition),
  fc.tuple(fc.constant('look' as const), node),
];
/** In order, and soon: what happens when nothing fails. */
const calm: fc.Arbitrary<Step> = fc.oneof(
  ...usual,
  fc.constant(['deliver', 0] as const),
  fc.constant(['deliver', 0] as const),
  fc.tuple(fc.constant('pass' as const), fc.nat(1)),
);
const stormy: fc.Arbitrary<Step> = fc.oneof(
  ...usual,
  fc.tuple(fc.constantFrom('deliver' as const, 'drop' as const, 'copy' as const), fc.nat(20)),
  fc.tuple(fc.constant('deliver' as const), fc.nat(20)),
  fc.tuple(fc.constant('pass' as const), fc.nat(1_500)),
  fc.tuple(fc.constant('kill' as const), fc.integer({ min: 1, max: count - 1 })),
);

async function run(steps: readonly Step[]): Promise<World> {
  const world = new World(count);
  world.move(0, world.node(0));
  world.move(1, world.node(1));
  for (const step of steps) {
    await act(world, step);
    for (const one of world.living) one.router.sweep();
    await world.pass(0);
  }
  await world.settle();
  return world;
}

async function act(world: World, step: Step): Promise<void> {
  const [name, value, third = 0] = step;
  const at: SimNode = world.node(value);
  if (name === 'pass') return world.pass(value);
  if (name === 'deliver') world.deliver(value);
  else if (name === 'drop') world.network.splice(value % Math.max(1, world.network.length), 1);
  else if (name === 'copy') {
    const parcel = world.network[value % Math.max(1, world.network.length)];
    if (parcel !== undefined) world.network.push(parcel);
  } else if (name === 'free') world.move(value, null);
  else if (name === 'move') world.move(value, world.node(third));
  else if (name === 'kill') world.kill(at);
  else if (at.dead) return;
  else if (name === 'look') at.look();
  else if (name === 'execute') at.execute(third);
  else at.send(name === 'join' ? 'join' : 'typing', rooms[third] ?? 'a');
}

/** Laws that hold whatever the network does. */
function breaches(world: World): string[] {
  const found = [...world.book.faults];
  for (const { id, sent } of world.living)
    for (const { command, outcomes } of sent) {
      if (outcomes.length !== 1) found.push(`${command.id} was answered ${outcomes.length} times at ${id}`);
      const [outcome] = outcomes;
      if (outcome?.ok === true && !world.book.has(command.id)) found.push(`${command.id} was acked and not executed`);
    }
  world.owners.forEach((owner, place) => {
    for (const { id, occupied } of world.living)
      for (const key of occupied)
        if (partitionOf(key, partitions) === place && !world.book.announced.has(`${owner?.epoch ?? 0} ${key} ${id}`))
          found.push(`${id} did not announce its sockets of ${key} to the last owner`);
  });
  return found;
}

test('under loss, copies, delay, moves and deaths every command is answered once and executed at most once', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(stormy, { minLength: 20, maxLength: 120 }), async (steps) => {
      assert.deepEqual(breaches(await run(steps)), []);
    }),
    { numRuns: 150 },
  );
  t.pass();
});

test('without loss every command is executed, each node’s commands of a room in their order, wherever the room moves', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(calm, { minLength: 20, maxLength: 150 }), async (steps) => {
      const world = await run(steps);
      assert.deepEqual(breaches(world), []);
      for (const { id, sent } of world.nodes)
        for (const key of rooms) {
          const given = sent.filter(({ command }) => command.key === key).map(({ command }) => command.id);
          const done = (world.book.done.get(key) ?? []).filter((one) => one.startsWith(`${id}-`));
          assert.deepEqual(done, given);
        }
      assert.deepEqual(world.book.unannounced, [], 'sockets are announced to a new owner before anything else');
    }),
    { numRuns: 150 },
  );
  t.pass();
});
