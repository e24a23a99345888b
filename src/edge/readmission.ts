/**
 * Somebody whose access ended may have it again, and only the edge can find out. A room refuses a removed user's commands
 * until the edge says that it has asked anew since the removal (`admitted`); this asks, and remembers what it may say.
 */
import { LRUCache } from 'lru-cache';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Access } from './access.js';
import type { Admission } from './admission.js';
import type { Finish } from './port.js';
import { absent } from './refusals.js';

/** Users and rooms remembered; one that is forgotten is asked for once more. */
const remembered = 10_000;

export class Readmission {
  readonly #access: Access;
  readonly #admission: Admission;
  /** The version of the last removal since which access was given again, by user and room. */
  readonly #admitted = new LRUCache<string, number>({ max: remembered });

  constructor(access: Access, admission: Admission) {
    this.#access = access;
    this.#admission = admission;
  }

  /** What a command of the user may say; nothing for almost everybody. */
  of(userId: string, key: RoomKey): { readonly admitted?: number } {
    if (this.#admitted.size === 0) return {};
    const admitted = this.#admitted.get(name(userId, key));
    return admitted === undefined ? {} : { admitted };
  }

  /** The room refused: runs `go` if the user has access all the same, else finishes as if the room were absent. */
  again(userId: string, key: RoomKey, removal: number, finish: Finish, go: (admitted: number) => void): void {
    // What is remembered of the room may be older than the removal.
    this.#access.revoked(key);
    this.#admission.enter(userId, key, absent.room, finish, () => {
      this.#admitted.set(name(userId, key), removal);
      go(removal);
    });
  }
}

/** Ids have no control characters, and a room key that has some starts with one. */
function name(userId: string, key: RoomKey): string {
  return `${userId}\u0000${key}`;
}
