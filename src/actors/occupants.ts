/**
 * Who is in the room, counted by socket: a user comes with the first socket and goes with the last.
 *
 * A new owner knows nobody until the edges have announced their sockets, and nothing of those who died with their node. So a
 * little after an announcement it lists who is there, and each edge makes up for what its sockets were told wrongly or not.
 */
import type { AnnounceCommand, ForgetCommand, JoinCommand, LeaveCommand } from './protocol/commands.js';
import type { AnnouncedEvent, OccupantEvent, RoomEvent, RosterEvent } from './protocol/events.js';
import type { ActorLimits } from './protocol/limits.js';
import { isDirect } from './protocol/ids.js';
import { catchUp } from './catch-up.js';
import { unreadOf } from './receipts.js';
import { refuseRemoved } from './removals.js';
import { answer, done, type RoomDecision, type RoomReply } from './reply.js';
import type { RoomState } from './state.js';
import { stopOf } from './typing.js';
import { setOccupant } from './undo.js';

export function decideJoin(state: RoomState, command: JoinCommand, limits: ActorLimits): RoomDecision {
  const { userId, socketId } = command;
  const refusal = refuseRemoved(state, userId, command.admitted);
  if (refusal !== null) return refusal;
  const reply: RoomReply = {
    kind: 'joined',
    catchUp: catchUp(state, command.since, limits),
    unread: unreadOf(state, userId),
  };
  const sockets = state.occupants?.get(userId);
  if (sockets?.includes(socketId) === true) return answer(reply);
  const edge = sockets === undefined;
  return answer(reply, [{ type: 'occupant_joined', durable: false, userId, socketId, edge }]);
}

export function decideLeave(state: RoomState, command: LeaveCommand, now: number): RoomDecision {
  const { userId, socketId } = command;
  const sockets = state.occupants?.get(userId);
  if (sockets?.includes(socketId) !== true) return answer({ kind: 'left' });
  const edge = sockets.length === 1;
  const events: RoomEvent[] = [{ type: 'occupant_left', durable: false, userId, socketId, edge }];
  const stop = edge ? stopOf(state, userId, now) : null;
  if (stop !== null) events.push(stop);
  return answer({ kind: 'left' }, events);
}

export function decideAnnounce(
  state: RoomState,
  { occupants }: AnnounceCommand,
  now: number,
  { rosterDelayMs }: ActorLimits,
): RoomDecision {
  if (occupants.length === 0) return answer(done);
  const first = state.occupants === null;
  const rosterAt = rosterDelayMs === undefined || isDirect(state.key) ? null : (state.rosterAt ?? now + rosterDelayMs);
  return answer(done, [{ type: 'occupants_announced', durable: false, first, occupants, rosterAt }]);
}

/** The list of occupants, when it is due; a clock that stepped back does not put it off. */
export function dueRoster(state: RoomState, now: number, { rosterDelayMs = 0 }: ActorLimits): RosterEvent | null {
  const at = state.rosterAt;
  if (at === null || (at > now && at <= now + rosterDelayMs)) return null;
  return { type: 'occupants_listed', durable: false };
}

/** Whether a socket of one of these nodes is in the room. */
export function hosts(state: RoomState, nodes: readonly string[]): boolean {
  for (const sockets of state.occupants?.values() ?? [])
    for (const socketId of sockets) if (isOf(socketId, nodes)) return true;
  return false;
}

export function decideForget(state: RoomState, { nodes }: ForgetCommand, now: number): RoomDecision {
  const events: RoomEvent[] = [];
  for (const [userId, sockets] of state.occupants ?? []) {
    let left = sockets.length;
    for (const socketId of sockets) {
      if (!isOf(socketId, nodes)) continue;
      left -= 1;
      events.push({ type: 'occupant_left', durable: false, userId, socketId, edge: left === 0 });
    }
    const stop = left === 0 ? stopOf(state, userId, now) : null;
    if (stop !== null) events.push(stop);
  }
  return answer(done, events);
}

function isOf(socketId: string, nodes: readonly string[]): boolean {
  return nodes.some((node) => socketId.startsWith(`${node}/`));
}

export function evolveOccupants(state: RoomState, event: OccupantEvent | AnnouncedEvent | RosterEvent): void {
  if (event.type === 'occupants_listed') state.rosterAt = null;
  else if (event.type === 'occupants_announced') {
    for (const [userId, socketId] of event.occupants) setOccupant(state, userId, socketId, true);
    state.rosterAt = event.rosterAt;
  } else setOccupant(state, event.userId, event.socketId, event.type === 'occupant_joined');
}
