/**
 * One connected socket: who it is, the rooms it is in, what it still waits for, and the way out to it. It decides nothing
 * about rooms (hub) or tokens (authentication).
 */
import type { Server, Socket } from 'socket.io';
import type { Rejection } from '../actors/rejections.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Identity } from '../edge/port.js';
import type { ClientToServer, ServerEvent, ServerToClient } from './events.js';
import type { OutgoingBurst, Pressure, View } from './fanout/burst.js';
import type { Flusher } from './fanout/flusher.js';
import { Outbox, type OutboxOwner } from './fanout/outbox.js';
import { Wire } from './fanout/wire.js';
import { eventPacket } from './packets.js';

/** What the handshake learns about a socket. */
export interface SocketFacts {
  identity?: Identity;
}

/** What the edges of several nodes tell each other. */
export interface BetweenNodes {
  relay: (text: string) => void;
}

export type ChatServer = Server<ClientToServer, ServerToClient, BetweenNodes, SocketFacts>;
export type ChatSocket = Socket<ClientToServer, ServerToClient, BetweenNodes, SocketFacts>;

/** A connection that was told to close and has not closed after this many milliseconds is cut. */
const closeGraceMs = 2_000;

/** Joins of one socket that await their room, by room; bounded as they are. */
export class PendingJoins {
  /** Null without any: sockets outlast their joins. */
  #pending: Map<RoomKey, { count: number; unsure: boolean }> | null = null;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  began(key: RoomKey): void {
    this.#total += 1;
    this.#pending ??= new Map();
    const pending = this.#pending.get(key);
    if (pending === undefined) this.#pending.set(key, { count: 1, unsure: false });
    else pending.count += 1;
  }

  /** @returns true for the last one of a room in which the socket may be although nobody told it so */
  ended(key: RoomKey, unsure: boolean): boolean {
    this.#total -= 1;
    const pending = this.#pending?.get(key);
    if (pending === undefined) return unsure;
    pending.count -= 1;
    pending.unsure ||= unsure;
    if (pending.count > 0) return false;
    this.#pending?.delete(key);
    if (this.#total === 0) this.#pending = null;
    return pending.unsure;
  }

  /** Whether a join of the room is on its way; then its end decides whether the socket is to depart. */
  defer(key: RoomKey): boolean {
    const pending = this.#pending?.get(key);
    if (pending !== undefined) pending.unsure = true;
    return pending !== undefined;
  }
}

export class Session implements OutboxOwner {
  /** The socket's id; with several nodes `<node>/<socket id>`. */
  readonly id: string;
  /** When it connected: milliseconds, monotonic. */
  readonly since = performance.now();
  /** Null until authenticated. */
  identity: Identity | null = null;
  /** Bounded by ROOMS_PER_SOCKET. */
  readonly rooms = new Set<RoomKey>();
  readonly joins = new PendingJoins();
  /** Events not yet answered; bounded by ACK_BACKLOG. */
  unanswered = 0;
  /** Failed attempts to authenticate. */
  failures = 0;
  /** Nothing more is read from it or written to it. */
  closed = false;
  readonly socket: ChatSocket;
  readonly #outbox: Outbox;
  readonly #onOverflow: (session: Session, burst: OutgoingBurst | null) => void;

  /** @param onOverflow the same function for all sessions, as there are many of them */
  constructor(
    id: string,
    socket: ChatSocket,
    flusher: Flusher,
    limit: number,
    onOverflow: (session: Session, burst: OutgoingBurst | null) => void,
  ) {
    this.id = id;
    this.socket = socket;
    this.#outbox = new Outbox(new Wire(socket.conn), flusher, limit, this);
    this.#onOverflow = onOverflow;
  }

  overflowed(burst: OutgoingBurst | null): void {
    this.#onOverflow(this, burst);
  }

  /** What is to be left out for it. */
  get pressure(): Pressure {
    return this.#outbox.pressure;
  }

  /**
   * Whether a departure from a room is over, since the socket is there again. While it may come to be there by a join on its
   * way, that join's end takes the departure over.
   */
  returned(key: RoomKey): boolean {
    return this.rooms.has(key) || this.joins.defer(key);
  }

  /** Queues a packet or a part of a burst; see `Outbox`. */
  push(part: string | View): void {
    this.#outbox.push(part);
  }

  emit<E extends ServerEvent>(name: E, body: Parameters<ServerToClient[E]>[0]): void {
    this.push(eventPacket(name, body));
  }

  /** @param event what the client had sent; null for what no event caused */
  error(rejection: Rejection, event: string | null): void {
    this.emit('error', { message: rejection.message, code: rejection.code, event });
  }

  /** Makes it one of `user:<id>`, so that Socket.IO's calls over all nodes (such as `disconnectSockets`) find it. */
  enterUserRoom(userId: string): void {
    void this.socket.join(`user:${userId}`);
  }

  /** Writes what is queued now. */
  flush(): void {
    this.#outbox.flush();
  }

  /** Ends it as Socket.IO's own disconnect does: the client library does not come back by itself. */
  disconnect(): void {
    this.#outbox.finish();
    this.socket.disconnect(true);
    this.#cutLater();
  }

  /** Closes the connection after what is queued: the client library reconnects by itself. */
  drop(): void {
    this.#outbox.finish();
    this.#outbox.wire.close();
    this.#cutLater();
  }

  /** After an overflow: one last packet past the bound, then the connection closes. */
  dropAfter(packet: string | null): void {
    if (packet !== null) this.#outbox.wire.writePacket(packet);
    this.drop();
  }

  /** Closes the connection whatever is unsent. */
  cut(): void {
    this.#outbox.wire.terminate();
  }

  #cutLater(): void {
    setTimeout(() => {
      this.cut();
    }, closeGraceMs).unref();
  }
}
