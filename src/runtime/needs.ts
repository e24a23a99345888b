/**
 * What the commands of a batch need from behind their rooms' memory, each thing once. Says beforehand how much that may be,
 * so that a batch that asks for too much can be divided instead of filling the memory or outlasting the store's patience.
 */
import type { Command } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Need } from '../actors/protocol/state.js';
import type { Behaviour } from './behaviour.js';
import type { RoomCell } from './residents.js';
import { unreadMost } from './store/port.js';

/** Rows that one batch may bring from the store, unless a single command needs more. */
export const rowsPerBatch = 4_000;

/** Rows that are only counted cost so much less than rows that are brought. */
const countedPerRow = 100;

export interface Asked {
  readonly key: RoomKey;
  readonly needs: readonly Need[];
}

export interface BatchNeeds {
  readonly asked: readonly Asked[];
  /** At most so many rows, roughly. */
  readonly rows: number;
}

type Changes = Extract<Need, { readonly need: 'changes' }>;

export function gather<State, Reply>(
  behaviour: Behaviour<State, Reply>,
  commands: readonly Command[],
  cells: ReadonlyMap<RoomKey, RoomCell<State>>,
): BatchNeeds {
  let rooms: Map<RoomKey, Map<string, Need>> | null = null;
  for (const command of commands) {
    const state = cells.get(command.key)?.state;
    if (state === null || state === undefined) continue;
    for (const need of behaviour.needs(state, command)) {
      rooms ??= new Map();
      let needs = rooms.get(command.key);
      if (needs === undefined) rooms.set(command.key, (needs = new Map<string, Need>()));
      needs.set(JSON.stringify(need), need);
    }
  }
  if (rooms === null) return nothing;
  const asked: Asked[] = [];
  let rows = 0;
  for (const [key, distinct] of rooms) {
    const state = cells.get(key)?.state;
    const version = state === null || state === undefined ? 0 : behaviour.lastVersion(state);
    const needs = withoutCovered([...distinct.values()], version);
    for (const need of needs) rows += rowsOf(need, version);
    asked.push({ key, needs });
  }
  return { asked, rows };
}

const nothing: BatchNeeds = { asked: [], rows: 0 };

/**
 * A version changes one message, so since a recent version there cannot be more changes than a catch-up may bring: of these
 * the oldest brings what all of them ask for. Of older ones each may be too much, or not, by itself.
 */
function withoutCovered(needs: readonly Need[], version: number): readonly Need[] {
  let oldest: Changes | null = null;
  for (const need of needs)
    if (isBounded(need, version) && (oldest === null || need.since < oldest.since)) oldest = need;
  return needs.filter((need) => need === oldest || !isBounded(need, version));
}

function isBounded(need: Need, version: number): need is Changes {
  return need.need === 'changes' && version - need.since <= need.limit;
}

function rowsOf(need: Need, version: number): number {
  switch (need.need) {
    case 'changes':
      return Math.min(need.limit + 1, version - need.since);
    case 'marks':
      return 1 + Math.min(Math.max(0, need.below), unreadMost) / countedPerRow;
    case 'message':
    case 'sent':
    case 'removals':
      return 1;
  }
}
