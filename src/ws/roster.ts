/**
 * Of whom the sockets of one room here were told that they are in it or have left it. Ephemeral broadcasts may be missed, and a
 * node that dies takes the knowledge of its users with it; so now and then the room's owner lists who is there, and what the
 * sockets think otherwise is put right: here, since each edge has told its sockets something else.
 *
 * Only users that were told of are put right. Bound: `rosterMost` users; over it the one of whom was told first is forgotten.
 */
import type { RoomKey } from '../actors/protocol/ids.js';
import { isRoster, occupantPacket, readOccupant, readRoster, rosterMost } from '../actors/protocol/roster.js';
import type { PlacedBroadcast } from '../runtime/frames.js';

export class Roster {
  readonly #key: RoomKey;
  /** By user: whether the last that was told of them is that they are here. */
  readonly #told = new Map<string, boolean>();

  constructor(key: RoomKey) {
    this.#key = key;
  }

  /** What sockets are to be told of it: lists are replaced by what they put right. */
  read(events: readonly PlacedBroadcast[]): readonly PlacedBroadcast[] {
    let read: PlacedBroadcast[] | null = null;
    for (const [index, event] of events.entries()) {
      if (event.version === null && isRoster(event.packet)) {
        read ??= events.slice(0, index);
        read.push(...this.#putRight(event));
        continue;
      }
      read?.push(event);
      const occupant = event.version === null ? readOccupant(event.packet) : null;
      if (occupant !== null) this.#note(occupant.userId, occupant.here);
    }
    return read ?? events;
  }

  #note(userId: string, here: boolean): void {
    this.#told.delete(userId);
    if (this.#told.size >= rosterMost) {
      const [oldest] = this.#told.keys();
      if (oldest !== undefined) this.#told.delete(oldest);
    }
    this.#told.set(userId, here);
  }

  #putRight({ packet, at }: PlacedBroadcast): PlacedBroadcast[] {
    const present = readRoster(packet);
    if (present === null) return [];
    const wrong = [...this.#told].filter(([userId, here]) => present.has(userId) !== here);
    return wrong.map(([userId, here]) => {
      this.#note(userId, !here);
      return { packet: occupantPacket(this.#key, userId, !here), version: null, except: userId, at };
    });
  }
}
