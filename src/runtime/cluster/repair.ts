/**
 * What a receiver missed, made from the store: the broadcasts that bring sockets from where they stand to where the room is.
 *
 * A row tells the last change of a message only. Sockets are told every message that is new to them in the order of seq, then
 * its last change at the place of its version; so both orders hold, as in the stream. The version at which a message that was
 * changed later had been created is not kept: it is told with the lowest one that is possible, which no row has.
 */
import { evictionBroadcast } from '../../actors/protocol/eviction.js';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Message } from '../../actors/protocol/message.js';
import { messagePacket } from '../../actors/protocol/packets.js';
import type { Removal } from '../../actors/protocol/state.js';
import type { RepairedBroadcast, Standing } from '../rooms.js';

/**
 * @param from where the sockets stand that are furthest behind
 * @param changed every message whose version is above it, seq ascending
 * @param removals every end of access whose version is above it
 * @returns in order; every version of `changed` and `removals` is told once
 */
export function repairedBroadcasts(
  key: RoomKey,
  from: Standing,
  changed: readonly Message[],
  removals: readonly Removal[] = [],
): RepairedBroadcast[] {
  const taken = new Set<number>();
  for (const { version } of [...changed, ...removals]) taken.add(version);
  const told: RepairedBroadcast[] = [];
  let created = from.version;
  for (const message of changed) {
    const { version, seq } = message;
    const isNew = seq > from.seq;
    const touched = message.editedAt !== null || message.deletedAt !== null;
    if (isNew) {
      created = touched ? nextFree(created, taken) : version;
      told.push(creation({ ...message, version: created }));
    }
    if (touched || !isNew) told.push(change(message));
  }
  told.push(...repairedEvictions(key, removals));
  return told.sort((a, b) => a.version - b.version);
}

/** Ends of access alone, which are told even where everything else is too much. */
export function repairedEvictions(key: RoomKey, removals: readonly Removal[]): RepairedBroadcast[] {
  return removals.map((removal) => ({
    ...evictionBroadcast(key, removal),
    version: removal.version,
    seq: null,
  }));
}

function nextFree(after: number, taken: ReadonlySet<number>): number {
  let version = after + 1;
  while (taken.has(version)) version += 1;
  return version;
}

function creation(message: Message): RepairedBroadcast {
  return {
    packet: messagePacket('message_created', message),
    version: message.version,
    except: null,
    seq: message.seq,
  };
}

function change(message: Message): RepairedBroadcast {
  const type = message.deletedAt === null ? 'message_edited' : 'message_deleted';
  return { packet: messagePacket(type, message), version: message.version, except: null, seq: null };
}
