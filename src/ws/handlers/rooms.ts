/** join_room and leave_room. Membership changes within the replies of the frame, before its broadcasts go out. */
import { roomIdOf } from '../../actors/protocol/ids.js';
import { reject } from '../../actors/rejections.js';
import type { Chat, Done } from '../../edge/port.js';
import type { Call } from '../call.js';
import type { Hub } from '../hub.js';
import { eventPacket, eventText, joinedStanding } from '../packets.js';

/** Joins of all sockets that await their room. */
export interface Joins {
  pending: number;
  readonly max: number;
}

const retryMs = 250;
const retrySpreadMs = 750;

/**
 * @param roomsPerSocket the bound; joining again a room that one is in is always allowed
 * @param joins over their bound a join is refused: after a storm of reconnects rooms are served in turn
 */
export function joinRoom(call: Call, chat: Chat, hub: Hub, roomsPerSocket: number, joins: Joins): void {
  const { session, caller } = call;
  const asked = 'roomId' in call.input && typeof call.input.roomId === 'string' ? call.input.roomId : null;
  const known = asked !== null && session.rooms.has(asked);
  if (!known && session.rooms.size + session.joining >= roomsPerSocket) {
    call.refuse(reject('FORBIDDEN', `One connection may be in ${roomsPerSocket} rooms at once`));
    return;
  }
  if (joins.pending >= joins.max) {
    call.refuse(reject('OVERLOADED'), Math.round(retryMs + Math.random() * retrySpreadMs));
    return;
  }
  joins.pending += 1;
  session.joining += 1;
  chat.join(caller, session.id, call.input, (result) => {
    joins.pending -= 1;
    session.joining -= 1;
    const done = call.take(result);
    if (done === null) {
      // Its outcome may still come: a socket that was told that it is not in the room must not stay there as a ghost.
      const unsure = !result.ok && result.rejection.code === 'UNAVAILABLE';
      if (unsure && asked !== null && !session.rooms.has(asked)) chat.depart(caller.userId, session.id, asked);
      return;
    }
    if (session.closed) chat.depart(caller.userId, session.id, done.key);
    else enter(call, hub, done);
    call.succeed(done.body);
  });
}

function enter({ session }: Call, hub: Hub, done: Done): void {
  const standing = joinedStanding(done);
  const packets = [eventText('room_joined', done.body)];
  if (done.resync !== null)
    packets.push(
      eventPacket('resync_required', {
        roomId: roomIdOf(done.key),
        version: standing.version,
        reason: done.resync,
      }),
    );
  hub.join(done.key, session, done.at, standing, packets);
}

export function leaveRoom(call: Call, chat: Chat, hub: Hub): void {
  chat.leave(call.caller, call.session.id, call.input, (result) => {
    const done = call.take(result);
    if (done === null) return;
    hub.leave(done.key, call.session);
    call.session.push(eventText('room_left', done.body));
    call.succeed(done.body);
  });
}
