/**
 * The rooms as the chat sees them, remembering who is about to leave: a room that loses its memory before it has answered
 * a leave would not know whom to miss, and the others would never be told. So the edge announces these sockets too, and the
 * leave that follows has its effect.
 */
import type { Command, LeaveCommand, PageCommand } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { rejections } from '../actors/rejections.js';
import type { Outcome } from '../runtime/frames.js';
import type { EdgeListener, ReplyTo, Rooms } from '../runtime/rooms.js';

/** Leaves remembered. Over it further ones go unannounced: after a fault others may keep seeing somebody who left. */
const capacity = 100_000;

export class Leaving implements Rooms {
  readonly #rooms: Rooms;
  /** User by socket, by room. There is no room without. */
  readonly #leaves = new Map<RoomKey, Map<string, string>>();
  #size = 0;

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  get accepting(): boolean {
    return this.#rooms.accepting;
  }

  /** Rooms that somebody is about to leave. */
  rooms(): Iterable<RoomKey> {
    return this.#leaves.keys();
  }

  /** Sockets that have asked to leave, by socket their user. A socket may be back in the room already. */
  sockets(key: RoomKey): ReadonlyMap<string, string> {
    return this.#leaves.get(key) ?? nobody;
  }

  attach(listener: EdgeListener): void {
    this.#rooms.attach(listener);
  }

  send(command: Command, replyTo: ReplyTo): void {
    if (command.kind !== 'leave') return this.#rooms.send(command, replyTo);
    this.#add(command);
    this.#rooms.send(command, (outcome, at) => {
      if (isOver(outcome)) this.#remove(command);
      replyTo(outcome, at);
    });
  }

  ask(command: Command): Promise<Outcome> {
    return new Promise((resolve) => {
      this.send(command, resolve);
    });
  }

  page(command: PageCommand): Promise<string | null> {
    return this.#rooms.page(command);
  }

  #add({ key, socketId, userId }: LeaveCommand): void {
    let sockets = this.#leaves.get(key);
    if (sockets?.has(socketId) === true || this.#size >= capacity) return;
    if (sockets === undefined) this.#leaves.set(key, (sockets = new Map<string, string>()));
    sockets.set(socketId, userId);
    this.#size += 1;
  }

  #remove({ key, socketId }: LeaveCommand): void {
    const sockets = this.#leaves.get(key);
    if (sockets?.delete(socketId) !== true) return;
    this.#size -= 1;
    if (sockets.size === 0) this.#leaves.delete(key);
  }
}

/** A leave that was not heard is told again, unless the node is about to end: then its sockets are forgotten with it. */
function isOver(outcome: Outcome): boolean {
  if (outcome.ok) return true;
  const { code } = outcome.rejection;
  return code === 'DRAINING' || !rejections[code].retryable;
}

const nobody: ReadonlyMap<string, string> = new Map();
