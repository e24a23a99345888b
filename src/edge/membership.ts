/**
 * Members that the Chat Room Service does not name any more are taken out of the rooms in which they have sockets. Every
 * answer about a room is compared with who is in it, and rooms with sockets here are asked about at least once per interval.
 *
 * Access ends by the same command as a removal told by the broker: at its place in the room's stream, on all nodes. While the
 * service does not answer, nothing changes. Its next answer tells again what a room was too busy to hear.
 */
import type { EvictCommand } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Log } from '../observe/log.js';
import type { Service } from '../runtime/lifecycle.js';
import type { EdgeListener, Rooms } from '../runtime/rooms.js';
import type { Members } from './access.js';
import { describe } from './failures.js';
import { newId as uuidV7 } from './ids.js';

/** Rooms asked about at a time, so that requests of users do not wait behind them. */
const roomsAtOnce = 8;

/** However short answers are fresh: a pass over all rooms costs something even when nobody is asked. */
const shortestMs = 100;

export interface MembershipParts {
  readonly members: Members;
  /** Who is in which room here. */
  readonly edge: Pick<EdgeListener, 'occupiedRooms' | 'announce'>;
  readonly rooms: Pick<Rooms, 'send'>;
  /** How often a room is asked about. */
  readonly everyMs: number;
  readonly log: Log;
  readonly newId?: () => string;
}

export class Membership implements Service {
  readonly name = 'membership';
  readonly #parts: MembershipParts;
  readonly #newId: () => string;
  /** Users being taken out, by room; at most those with sockets here. */
  readonly #leaving = new Map<RoomKey, Set<string>>();
  #timer: NodeJS.Timeout | null = null;
  #running = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#newId = parts.newId ?? uuidV7;
    parts.members.onMembers((key, members) => {
      if (this.#running) this.#compare(key, members);
    });
  }

  start(): Promise<void> {
    if (!this.#running) {
      this.#running = true;
      this.#later();
    }
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return Promise.resolve();
  }

  #later(): void {
    const pass = async (): Promise<void> => {
      try {
        await this.#pass();
      } catch (error) {
        // Only a bug gets here: the next pass tries again.
        this.#parts.log.error(describe(error), 'asking for the members of rooms threw');
      }
      if (this.#running) this.#later();
    };
    this.#timer = setTimeout(() => void pass(), Math.max(shortestMs, this.#parts.everyMs));
    this.#timer.unref();
  }

  async #pass(): Promise<void> {
    const { edge, members } = this.#parts;
    const keys = [...edge.occupiedRooms()].values();
    const ask = async (): Promise<void> => {
      for (const key of keys) {
        if (!this.#running) return;
        await members.renew(key);
      }
    };
    await Promise.all(Array.from({ length: roomsAtOnce }, ask));
  }

  #compare(key: RoomKey, members: ReadonlySet<string>): void {
    const gone = new Set<string>();
    for (const [userId] of this.#parts.edge.announce(key)?.occupants ?? []) if (!members.has(userId)) gone.add(userId);
    for (const userId of gone) this.#takeOut(key, userId);
  }

  #takeOut(key: RoomKey, userId: string): void {
    const leaving = this.#leaving.get(key) ?? new Set();
    if (leaving.has(userId)) return;
    this.#leaving.set(key, leaving.add(userId));
    const command: EvictCommand = { kind: 'evict', key, id: this.#newId(), userId };
    this.#parts.rooms.send(command, (outcome) => {
      leaving.delete(userId);
      if (leaving.size === 0) this.#leaving.delete(key);
      const { log } = this.#parts;
      if (outcome.ok) log.info({ roomId: key, userId }, 'a removed member was taken out of a room');
      else log.warn({ roomId: key, userId, code: outcome.rejection.code }, 'a removed member is still in a room');
    });
  }
}
