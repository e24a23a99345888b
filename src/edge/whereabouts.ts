/**
 * Which conversation a message is in, for requests that name only the message. A message never moves, so what was found
 * once holds for ever. Says nothing of access: that is decided by who asks.
 */
import type { RoomKey } from '../actors/protocol/ids.js';
import type { ReadStore } from '../runtime/store/port.js';
import { Generations } from './generations.js';

/** Messages remembered at least, twice as many at most; older ones are looked up again. */
const remembered = 25_000;

export class Whereabouts {
  readonly #locate: ReadStore['locate'];
  readonly #keys = new Generations<RoomKey>(remembered);

  constructor(locate: ReadStore['locate']) {
    this.#locate = locate;
  }

  /** A message that was just committed: the likeliest to be edited, read or deleted next. */
  remember(id: string, key: RoomKey): void {
    this.#keys.set(id, key);
  }

  known(id: string): RoomKey | undefined {
    return this.#keys.get(id);
  }

  /**
   * The ids by conversation, in the order given; ids that name no message are missing.
   * @throws whatever the store does when it cannot answer
   */
  async find(ids: readonly string[]): Promise<ReadonlyMap<RoomKey, readonly string[]>> {
    const keys = new Map<string, RoomKey>();
    const unknown: string[] = [];
    for (const id of ids) {
      const key = this.#keys.get(id);
      if (key === undefined) unknown.push(id);
      else keys.set(id, key);
    }
    if (unknown.length > 0) {
      for (const { id, key } of await this.#locate(unknown)) {
        keys.set(id, key);
        this.#keys.set(id, key);
      }
    }
    const groups = new Map<RoomKey, string[]>();
    for (const id of ids) {
      const key = keys.get(id);
      if (key === undefined) continue;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [id]);
      else group.push(id);
    }
    return groups;
  }
}
