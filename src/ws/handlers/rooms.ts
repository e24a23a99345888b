/** join_room and leave_room. Membership changes within the replies of the frame, before its broadcasts go out. */
import { roomIdOf } from '../../actors/protocol/ids.js';
import { reject } from '../../actors/rejections.js';
import type { Chat, Done } from '../../edge/port.js';
import type { Call } from '../call.js';
import type { Hub } from '../hub.js';
import { eventPacket, eventText, joinedVersion } from '../packets.js';

/** @param roomsPerSocket the bound; joining again a room that one is in is always allowed */
export function joinRoom(call: Call, chat: Chat, hub: Hub, roomsPerSocket: number): void {
  const { session, caller } = call;
  const asked = 'roomId' in call.input && typeof call.input.roomId === 'string' ? call.input.roomId : null;
  const known = asked !== null && session.rooms.has(asked);
  if (!known && session.rooms.size + session.joining >= roomsPerSocket) {
    call.refuse(reject('FORBIDDEN', `One connection may be in ${roomsPerSocket} rooms at once`));
    return;
  }
  session.joining += 1;
  chat.join(caller, session.id, call.input, (result) => {
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
  const version = joinedVersion(done);
  const packets = [eventText('room_joined', done.body)];
  if (done.resync !== null)
    packets.push(eventPacket('resync_required', { roomId: roomIdOf(done.key), version, reason: done.resync }));
  hub.join(done.key, session, done.at, version, packets);
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
