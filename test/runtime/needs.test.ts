/** What a batch asks of the store: each thing once, and how much that is. */
import test from 'ava';
import type { Command, JoinCommand } from '../../src/actors/protocol/commands.js';
import type { Need } from '../../src/actors/protocol/state.js';
import type { Behaviour } from '../../src/runtime/behaviour.js';
import { gather, rowsPerBatch } from '../../src/runtime/needs.js';
import { RoomCell } from '../../src/runtime/residents.js';

/** A room at a version; every join needs what changed since its version, of at most ten messages. */
interface Toy {
  readonly version: number;
}

function needsOf(command: Command): readonly Need[] {
  if (command.kind === 'mark') return command.messageIds.map((id) => ({ need: 'message', id }));
  if (command.kind !== 'join') return [];
  return [{ need: 'changes', since: command.since ?? 0, limit: 10 }];
}

const toy: Behaviour<Toy, null> = {
  activate: ({ lastVersion }) => ({ version: lastVersion }),
  needs: (_, command) => needsOf(command),
  supply: () => undefined,
  decide: () => ({ ok: true, events: [], reply: null }),
  evolve: (state) => state,
  encodeReply: () => ({ body: '{}', resync: null }),
  broadcasts: () => [],
  settle: () => undefined,
  deadline: () => null,
  hosts: () => false,
  occupied: () => false,
  carry: (_, fresh) => fresh,
  lastSeq: (state) => state.version,
  lastVersion: (state) => state.version,
};

function cellsOf(versions: Readonly<Record<string, number>>): Map<string, RoomCell<Toy>> {
  return new Map(
    Object.entries(versions).map(([key, version]) => {
      const cell = new RoomCell<Toy>(key, 0);
      cell.state = { version };
      return [key, cell];
    }),
  );
}

function join(key: string, since: number): JoinCommand {
  return { kind: 'join', id: 'j', key, userId: 'ann', socketId: 's', since };
}

test('a batch without needs asks nothing', (t) => {
  t.deepEqual(gather(toy, [{ kind: 'tick', id: 'x', key: 'r' }], cellsOf({ r: 1 })), { asked: [], rows: 0 });
});

test('joins of a room with recent versions are served by what the oldest of them needs, in each room', (t) => {
  const joins = [join('r', 95), join('r', 92), join('q', 3), join('r', 92), join('q', 3), join('r', 99)];
  t.deepEqual(gather(toy, joins, cellsOf({ r: 100, q: 5 })), {
    asked: [
      { key: 'r', needs: [{ need: 'changes', since: 92, limit: 10 }] },
      { key: 'q', needs: [{ need: 'changes', since: 3, limit: 10 }] },
    ],
    rows: 8 + 2,
  });
});

test('versions since which there may be too many changes are asked for one by one, each once', (t) => {
  const joins = [join('r', 10), join('r', 95), join('r', 20), join('r', 10)];
  const { asked, rows } = gather(toy, joins, cellsOf({ r: 100 }));
  t.deepEqual(
    asked[0]?.needs.map((need) => (need.need === 'changes' ? need.since : null)),
    [10, 95, 20],
  );
  t.is(rows, 11 + 5 + 11);
});

test('a message that many commands name is asked for once', (t) => {
  const mark = (userId: string, messageIds: readonly string[]): Command => ({
    kind: 'mark',
    id: 'm',
    key: 'r',
    level: 'read',
    userId,
    messageIds,
    upTo: null,
  });
  const { asked, rows } = gather(toy, [mark('ann', ['a', 'b']), mark('bob', ['b', 'c'])], cellsOf({ r: 9 }));
  t.is(asked[0]?.needs.length, 3);
  t.is(rows, 3);
  const many = Array.from({ length: rowsPerBatch + 1 }, (_, i) => `id-${i}`);
  t.true(gather(toy, [mark('ann', many)], cellsOf({ r: 9 })).rows > rowsPerBatch);
});
