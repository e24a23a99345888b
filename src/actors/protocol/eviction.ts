/** How the end of somebody's access is told to their sockets, by an actor as it happens or by an edge that fills a hole. */
import type { Broadcast } from './events.js';
import { roomIdOf, type RoomKey } from './ids.js';
import type { Removal } from './state.js';

/** The one broadcast of a removal: `room_left { roomId, success, reason }`, the reason `removed` or `room_deleted`. */
export function evictionBroadcast(key: RoomKey, { userId, version }: Pick<Removal, 'userId' | 'version'>): Broadcast {
  const reason = userId === null ? 'room_deleted' : 'removed';
  const body = JSON.stringify({ roomId: roomIdOf(key), success: true, reason });
  return { packet: `["room_left",${body}]`, version, except: null, evict: { userId } };
}
