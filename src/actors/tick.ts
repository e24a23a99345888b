/** What a room does when time has passed: typing ends by itself, and the edges are told who is here. */
import type { ActorLimits } from './protocol/limits.js';
import { dueRoster } from './occupants.js';
import { answer, done, type RoomDecision } from './reply.js';
import type { RoomState } from './state.js';
import { stopsOfEnded } from './typing.js';

export function decideTick(state: RoomState, now: number, limits: ActorLimits): RoomDecision {
  const roster = dueRoster(state, now, limits);
  const stops = stopsOfEnded(state, now, limits);
  return answer(done, roster === null ? stops : [...stops, roster]);
}

/** When there is something to do next (ms since 1970); null while there is nothing. */
export function deadline(state: RoomState): number | null {
  let earliest = state.rosterAt ?? Infinity;
  if (state.typing !== null) for (const { until } of state.typing.values()) if (until < earliest) earliest = until;
  return earliest === Infinity ? null : earliest;
}
