/** Asks `Access` before something happens in a conversation: at once where the answer is known, else when it comes. */
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Rejection } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Access, Verdict } from './access.js';
import { describe } from './failures.js';
import type { Finish } from './port.js';
import { refusal, refuse } from './refusals.js';

export class Admission {
  readonly #access: Access;
  readonly #capacity: number;
  readonly #log: Log;
  #waiting = 0;

  /** @param capacity requests that may wait for an answer of the Chat Room Service; over it they are OVERLOADED */
  constructor(access: Access, capacity: number, log: Log) {
    this.#access = access;
    this.#capacity = capacity;
    this.#log = log;
  }

  /**
   * Runs `go` if the user may be there, else finishes with `absent`. Requests of one room keep their order: all that
   * wait for the same answer go on in the order they came, before anything that comes later.
   */
  enter(userId: string, key: RoomKey, absent: Rejection, finish: Finish, go: () => void): void {
    const may = this.#access.may(userId, key);
    if (may === true) {
      go();
    } else if (may === false) {
      finish(refusal(absent));
    } else if (this.#waiting >= this.#capacity) {
      finish(refuse('OVERLOADED'));
    } else {
      this.#waiting += 1;
      may
        .then((verdict) => {
          this.#waiting -= 1;
          if (verdict === 'yes') go();
          else finish(verdict === 'no' ? refusal(absent) : refuse('UNAVAILABLE'));
        })
        // Only a bug gets here: one request without an answer, not the end of the process.
        .catch((error: unknown) => {
          this.#log.error({ userId, ...describe(error) }, 'an admitted request threw');
        });
    }
  }

  /** The same for reads, which wait anyway. */
  async verdict(userId: string, key: RoomKey): Promise<Verdict> {
    const may = this.#access.may(userId, key);
    if (typeof may === 'boolean') return may ? 'yes' : 'no';
    if (this.#waiting >= this.#capacity) return 'unknown';
    this.#waiting += 1;
    try {
      return await may;
    } finally {
      this.#waiting -= 1;
    }
  }
}
