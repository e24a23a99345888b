/**
 * The end of access: a removal takes a version of its own, so that every socket of the removed leaves exactly there in the
 * room's stream. Joins and sends of theirs that were let in by an edge which had not heard of it yet may still come behind it:
 * the room remembers its latest removals and refuses them, until the edge says that it has asked for access anew.
 */
import type { EvictCommand } from './protocol/commands.js';
import type { Known } from './protocol/decision.js';
import type { EvictionEvent, RoomEvent } from './protocol/events.js';
import type { ActorLimits } from './protocol/limits.js';
import type { Removal } from './protocol/state.js';
import { reject } from './rejections.js';
import { answer, done, type RoomDecision } from './reply.js';
import type { RoomState } from './state.js';
import { stopOf } from './typing.js';

export interface Removals {
  /** The version of each user's latest removal; bounded by `removalsKept`. */
  readonly users: Map<string, number>;
  /** The version of everybody's latest removal; 0 when there was none. */
  all: number;
  /** Whether the store was asked for the removals before this memory began. */
  read: boolean;
}

function removalsOf(state: RoomState): Removals {
  return (state.removals ??= { users: new Map(), all: 0, read: false });
}

/**
 * Refuses somebody whose access ended after the edge made sure of it.
 * @param admitted as in the command
 */
export function refuseRemoved(state: RoomState, userId: string, admitted: number | undefined): RoomDecision | null {
  if (state.removals === null) return null;
  const removal = Math.max(state.removals.all, state.removals.users.get(userId) ?? 0);
  if (removal <= (admitted ?? 0)) return null;
  return { ok: false, rejection: { ...reject('NOT_FOUND', 'Room not found'), removal } };
}

export function decideEvict(state: RoomState, command: EvictCommand, now: number, known: Known | null): RoomDecision {
  const { id, userId } = command;
  const before = state.frame?.removals?.find((removal) => removal.id === id);
  if (before !== undefined && known?.resent !== true) return answer(done);
  const version = before?.version ?? state.lastVersion + 1;
  const evicted: EvictionEvent = {
    type: 'members_evicted',
    durable: true,
    id,
    userId,
    version,
    replayed: before !== undefined,
  };
  const events: RoomEvent[] = [evicted];
  for (const user of userId === null ? [...(state.occupants?.keys() ?? [])] : [userId]) {
    const sockets = [...(state.occupants?.get(user) ?? [])];
    sockets.forEach((socketId, i) => {
      const edge = i === sockets.length - 1;
      events.push({ type: 'occupant_left', durable: false, userId: user, socketId, edge });
    });
    const stop = stopOf(state, user, now);
    if (stop !== null) events.push(stop);
  }
  return answer(done, events);
}

/** @throws Error when a new removal does not take the next version: a bug, which must not reach the store */
export function evolveEviction(state: RoomState, event: EvictionEvent, limits: ActorLimits): void {
  note(removalsOf(state), event, limits);
  if (event.replayed) return;
  if (event.version !== state.lastVersion + 1) throw new Error('a removal must take the next version');
  state.lastVersion = event.version;
}

/** The store's answer; what memory knows already is as good. */
export function supplyRemovals(state: RoomState, facts: readonly Removal[], limits: ActorLimits): void {
  const removals = removalsOf(state);
  removals.read = true;
  for (const removal of facts) note(removals, removal, limits);
}

function note(removals: Removals, { userId, version }: Pick<Removal, 'userId' | 'version'>, limits: ActorLimits): void {
  const { users } = removals;
  if (userId === null) removals.all = Math.max(removals.all, version);
  else users.set(userId, Math.max(version, users.get(userId) ?? 0));
  if (users.size <= limits.removalsKept) return;
  // Too many to remember one by one: everybody is asked for anew, which is never wrong, only slower.
  for (const each of users.values()) removals.all = Math.max(removals.all, each);
  users.clear();
}
