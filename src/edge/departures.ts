/**
 * Sockets that are gone, to be told to their rooms. A room that is too busy to hear of it now is told again a little
 * later: otherwise it would keep somebody who left, and never leave memory.
 */
import type { LeaveCommand } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { rejections } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Rooms } from '../runtime/rooms.js';
import { FailureLog } from './failures.js';

/** Departures that wait to be told again; over it they are dropped, and logged. */
const capacity = 100_000;

const againMs = 500;

interface Departure {
  readonly command: LeaveCommand;
  readonly returned: () => boolean;
}

export class Departures {
  readonly #rooms: Rooms;
  readonly #newId: () => string;
  readonly #failures: FailureLog;
  #again: Departure[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(rooms: Rooms, newId: () => string, log: Log) {
    this.#rooms = rooms;
    this.#newId = newId;
    this.#failures = new FailureLog(log);
  }

  /** @param returned true when the socket is in the room again, so that the departure is over */
  tell(userId: string, socketId: string, key: RoomKey, returned: () => boolean): void {
    this.#send({ command: { kind: 'leave', key, id: this.#newId(), userId, socketId }, returned });
  }

  #send(departure: Departure): void {
    if (departure.returned()) return;
    this.#rooms.send(departure.command, (outcome) => {
      if (outcome.ok || !rejections[outcome.rejection.code].retryable) return;
      // A node that shuts down keeps nobody.
      if (outcome.rejection.code !== 'DRAINING') this.#keep(departure);
    });
  }

  #keep(departure: Departure): void {
    if (this.#again.length >= capacity) {
      const { socketId } = departure.command;
      this.#failures.warn('departure_dropped', { socketId }, 'too many departures wait');
      return;
    }
    this.#again.push(departure);
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const departures = this.#again;
      this.#again = [];
      for (const each of departures) this.#send(each);
    }, againMs);
    // Departures alone never keep the process alive.
    this.#timer.unref();
  }
}
