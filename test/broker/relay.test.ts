/** The relay against an outbox and a broker that fail at random: what was confirmed is gone, everything else is sent again. */
import test from 'ava';
import fc from 'fast-check';
import { pino } from 'pino';
import type { Message } from '../../src/actors/protocol/message.js';
import type { IntegrationEvent, OutboxEntry } from '../../src/runtime/broker/integration-events.js';
import type { Range } from '../../src/runtime/broker/outbox.js';
import { Relay } from '../../src/runtime/broker/relay.js';
import { eventually } from '../harness/eventually.js';
import { message } from '../store/rooms.js';

const log = pino({ level: 'silent' });

function receipt(partition: number, position: number): OutboxEntry {
  const key = `room-${partition}`;
  return {
    partition,
    position,
    key,
    kind: 'read',
    from: position - 1,
    to: position,
    version: 0,
    userId: 'ann',
    messageIds: [],
    happenedAt: 0,
  };
}

class World {
  rows: OutboxEntry[];
  /** Everything that reached the broker, confirmed or not. */
  readonly arrived: string[] = [];
  readonly #confirmed = new Set<string>();
  ready = true;
  #waiting: (() => void)[] = [];
  readonly #dice: () => boolean;

  constructor(rows: OutboxEntry[], dice: () => boolean) {
    this.rows = rows;
    this.#dice = dice;
  }

  /** The server crashed: rows that were deleted are back, and the next session is another one. */
  restore(rows: readonly OutboxEntry[]): void {
    this.rows = [...rows, ...this.rows];
    this.outbox.sessions += 1;
  }

  readonly outbox = {
    sessions: 1,
    batch: (after: ReadonlyMap<number, number>, limit: number): Promise<OutboxEntry[]> => {
      if (this.#dice()) return Promise.reject(new Error('the database is away'));
      const found = [...after].flatMap(([partition, position]) =>
        this.rows.filter((row) => row.partition === partition && row.position > position).slice(0, limit),
      );
      return Promise.resolve(found);
    },
    messages: (entries: readonly OutboxEntry[]): Promise<Message[][]> =>
      Promise.resolve(
        entries.map(({ kind, key, from, to }) =>
          kind === 'created' ? Array.from({ length: to - from + 1 }, (_, i) => message(key, from + i)) : [],
        ),
      ),
    done: (ranges: readonly Range[]): Promise<void> => {
      if (this.#dice()) return Promise.reject(new Error('the database is away'));
      const gone = this.rows.filter((row) =>
        ranges.some(
          ({ partition, after, upTo }) => row.partition === partition && row.position > after && row.position <= upTo,
        ),
      );
      for (const row of gone)
        if (!this.#confirmed.has(idOf(row))) throw new Error(`row ${row.position} is deleted unconfirmed`);
      this.rows = this.rows.filter((row) => !gone.includes(row));
      return Promise.resolve();
    },
    stats: () => Promise.resolve({ depth: this.rows.length, oldestAge: 0 }),
    close: () => Promise.resolve(),
  };

  get publisher() {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- its properties are getters of the world
    const world = this;
    return {
      get ready(): boolean {
        return world.ready;
      },
      whenReady: () => (world.ready ? Promise.resolve() : new Promise<void>((resolve) => world.#waiting.push(resolve))),
      release: () => {
        for (const go of world.#waiting.splice(0)) go();
      },
      publish: (events: readonly IntegrationEvent[]): Promise<void> => {
        // A connection that dies has brought a part of what was written, from the start on.
        const lost = world.#dice();
        const reached = lost ? events.slice(0, Math.floor(events.length / 2)) : events;
        world.arrived.push(...reached.map(({ eventId }) => eventId));
        if (lost) return Promise.reject(new Error('the connection is gone'));
        for (const { eventId } of events) world.#confirmed.add(eventId);
        return Promise.resolve();
      },
    };
  }

  unblock(): void {
    this.ready = true;
    this.publisher.release();
  }
}

function idOf({ key, to }: OutboxEntry): string {
  return `${key}:ann:${to}:read`;
}

test('whatever fails, every row is confirmed before it goes, and whoever drops repeats sees each room in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 }),
      fc.infiniteStream(fc.boolean()),
      async (partitions, faults) => {
        let left = 6;
        const dice = (): boolean => left > 0 && faults.next().value === true && left-- > 0;
        const rows = partitions.map((partition, i) => receipt(partition, i + 1));
        const expected = rows.map(idOf);
        const world = new World([...rows], dice);
        const relay = new Relay({
          outbox: world.outbox,
          publisher: world.publisher,
          held: () => [0, 1, 2, 3],
          log,
          firstPauseMs: 1,
        });
        await relay.start();
        await eventually(() => Promise.resolve(world.rows.length === 0), 'an empty outbox');
        await relay.stop();
        const once = [...new Set(world.arrived)];
        for (const partition of [0, 1, 2, 3]) {
          const of = (id: string): boolean => id.startsWith(`room-${partition}:`);
          t.deepEqual(once.filter(of), expected.filter(of));
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('while the broker takes nothing, nothing is read or sent; then all of it is', async (t) => {
  const world = new World([receipt(0, 1)], () => false);
  world.ready = false;
  const relay = new Relay({ outbox: world.outbox, publisher: world.publisher, held: () => [0], log });
  await relay.start();
  relay.wake();
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(world.arrived, []);
  world.unblock();
  await eventually(() => Promise.resolve(world.rows.length === 0), 'an empty outbox');
  t.deepEqual(world.arrived, ['room-0:ann:1:read']);
  await relay.stop();
});

test('rows of partitions that are not held are left to their holder', async (t) => {
  const world = new World([receipt(1, 1), receipt(0, 2)], () => false);
  let held = [0];
  const relay = new Relay({ outbox: world.outbox, publisher: world.publisher, held: () => held, log });
  await relay.start();
  await eventually(() => Promise.resolve(world.rows.length === 1), 'the row of partition 0');
  t.deepEqual(world.arrived, ['room-0:ann:2:read']);
  held = [0, 1];
  relay.wake();
  await eventually(() => Promise.resolve(world.rows.length === 0), 'the row of partition 1');
  await relay.stop();
  await relay.stop();
});

test('rows that a crash of the database brought back are sent again, before what came later', async (t) => {
  const rows = [1, 2, 3].map((n) => receipt(0, n));
  const world = new World([...rows], () => false);
  const relay = new Relay({ outbox: world.outbox, publisher: world.publisher, held: () => [0], log });
  await relay.start();
  await eventually(() => Promise.resolve(world.rows.length === 0), 'an empty outbox');
  world.restore(rows.slice(1));
  world.rows.push(receipt(0, 4));
  relay.wake();
  await eventually(() => Promise.resolve(world.rows.length === 0), 'an outbox that is empty again');
  await relay.stop();
  t.deepEqual(world.arrived, [...rows, ...rows.slice(1), receipt(0, 4)].map(idOf));
});
