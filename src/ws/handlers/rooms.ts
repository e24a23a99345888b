/** join_room and leave_room. Membership changes within the replies of the frame, before its broadcasts go out. */
import { roomIdOf, type RoomKey } from '../../actors/protocol/ids.js';
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
  const asked = askedRoom(call);
  const known = asked !== null && session.rooms.has(asked);
  if (!known && session.rooms.size + session.joins.total >= roomsPerSocket) {
    call.refuse(reject('FORBIDDEN', `One connection may be in ${roomsPerSocket} rooms at once`));
    return;
  }
  if (joins.pending >= joins.max) {
    call.refuse(reject('OVERLOADED'), Math.round(retryMs + Math.random() * retrySpreadMs));
    return;
  }
  joins.pending += 1;
  // What is no id is refused at once.
  const room = asked ?? '';
  session.joins.began(room);
  chat.join(caller, session.id, call.input, (result) => {
    joins.pending -= 1;
    const unsure = !result.ok && result.rejection.code === 'UNAVAILABLE';
    const last = session.joins.ended(room, unsure);
    const done = call.take(result);
    if (done === null) {
      // Its outcome may still come: a socket that was told that it is not in the room must not stay there as a ghost.
      if (last && !session.rooms.has(room)) depart(call, chat, room);
      return;
    }
    if (session.closed) chat.depart(caller.userId, session.id, done.key);
    else enter(call, hub, done);
    call.succeed(done.body);
  });
}

function depart({ session, caller }: Call, chat: Chat, key: RoomKey): void {
  chat.depart(caller.userId, session.id, key, () => session.returned(key));
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

/** Where the outcome is unknown the socket is out here and now, and the room is told until it answers. */
export function leaveRoom(call: Call, chat: Chat, hub: Hub): void {
  const asked = askedRoom(call);
  chat.leave(call.caller, call.session.id, call.input, (result) => {
    if (!result.ok && result.rejection.code === 'UNAVAILABLE' && asked !== null) {
      left(call, hub, asked, JSON.stringify({ roomId: asked, success: true }));
      depart(call, chat, asked);
      return;
    }
    const done = call.take(result);
    if (done !== null) left(call, hub, done.key, done.body);
  });
}

function left(call: Call, hub: Hub, key: RoomKey, body: string): void {
  hub.leave(key, call.session);
  call.session.push(eventText('room_left', body));
  call.succeed(body);
}

/** As the chat reads it. */
function askedRoom({ input }: Call): RoomKey | null {
  const given: unknown = ('roomId' in input ? input.roomId : null) ?? ('room_id' in input ? input.room_id : null);
  return typeof given === 'string' ? given : null;
}
