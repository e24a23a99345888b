/** What a joining socket is told of the room: exactly what changed since the version it has, or the recent messages. */
import type { ActorLimits } from './protocol/limits.js';
import type { Message } from './protocol/message.js';
import type { ResyncReason } from './protocol/replies.js';
import { surplus } from './recent.js';
import type { RoomState } from './state.js';

export interface CatchUp {
  /** The version that the socket has; 0 when it has none. */
  readonly since: number;
  /** Seq ascending; null: the recent messages instead. */
  readonly changed: readonly Message[] | null;
  /** Why a `since` could not be served. */
  readonly resync: ResyncReason | null;
}

const recentOnly: CatchUp = { since: 0, changed: null, resync: null };
const none: readonly Message[] = [];

export function catchUp(state: RoomState, since: number | null, limits: ActorLimits): CatchUp {
  if (since === null) return recentOnly;
  if (since === state.lastVersion) return { since, changed: none, resync: null };
  if (since > state.lastVersion) return { since, changed: null, resync: 'unknown_version' };
  // Changes of this frame are all at hand, in the ring or among the guests; the floor rises only when it settles.
  const complete = Math.min(state.floor, state.frame?.changesSince ?? Infinity);
  const changed = since < complete ? null : changesAtHand(state, since);
  if (changed === null || changed.length > limits.catchUpMessages)
    return { since, changed: null, resync: 'too_many_changes' };
  return { since, changed, resync: null };
}

function changesAtHand(state: RoomState, since: number): Message[] {
  const changed: Message[] = [];
  if (state.frame !== null) {
    for (const guest of state.frame.guests.values()) if (guest.version > since) changed.push(guest);
    changed.sort((a, b) => a.seq - b.seq);
  }
  for (const message of state.recent) if (message.version > since) changed.push(message);
  return changed;
}

/** The newest messages, oldest first, within the bounds of the ring. */
export function recentMessages(state: RoomState, limits: ActorLimits): readonly Message[] {
  const count = surplus(state, limits);
  return count === 0 ? state.recent : state.recent.slice(count);
}
