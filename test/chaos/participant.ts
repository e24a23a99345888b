/**
 * One user with one socket, behaving as a good client does: it joins with the version it has, connects to the next node when
 * its connection is lost, repeats what got no answer with the same client_msg_id, and reads the history when it is told that
 * it missed too much. Everything it asks and hears goes into the history; it judges nothing.
 * Long because connecting, joining and catching up share one state.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { tokenFor } from '../harness/token.js';
import type { Ack, Envelope, MessageDeleted, RoomJoined, WireMessage } from '../harness/wire.js';
import type { Heard, History, Seen } from './history.js';

/** Without an answer for this long a client takes its connection for dead. Above the service's own reply deadline. */
const answerMs = 12_000;
const connectMs = 2_000;
const backoffMs = { first: 25, last: 400 } as const;

export interface Network {
  /** Where a client may connect, in the order in which it tries. */
  readonly urls: readonly string[];
  readonly history: History;
}

/** What became of a request: the answer, or null when none came. */
export type Answer = Ack | null;

export function seen(message: WireMessage): Seen {
  const { id, seq, version, content, deleted_at } = message;
  return { id, seq, version, content, deleted: deleted_at !== undefined };
}

/** Over all participants, so that no two sessions have one name. */
let sessions = 0;

interface Place {
  /** What a join tells as `since`; null before the first join. */
  version: number | null;
  /** A hole was announced: the version stays where it is until the next join. */
  frozen: boolean;
  /** Joins of this connection whose `room_joined` has not come yet; it may come after its ack, at its place in the stream. */
  asked: { readonly op: number; readonly since: number | null }[];
  joining: boolean;
}

export class Participant {
  readonly user: string;
  readonly #network: Network;
  readonly #rooms = new Map<string, Place>();
  #node: number;
  #socket: Socket | null = null;
  #session = '';
  #closed = false;
  #ready: Promise<void> = Promise.resolve();
  readonly #token: string;

  /** @param node the index of the node that it tries first */
  constructor(user: string, node: number, network: Network) {
    this.user = user;
    this.#node = node;
    this.#network = network;
    this.#token = tokenFor(user);
  }

  /** The session it has now: its requests and events belong to it. */
  get session(): string {
    return this.#session;
  }

  get connected(): boolean {
    return this.#socket?.connected === true;
  }

  /** The version up to which it knows the room. */
  version(room: string): number {
    return this.#rooms.get(room)?.version ?? 0;
  }

  /** Connects and joins; from then on it does so again by itself. Resolves when it is in all the rooms. */
  enter(rooms: readonly string[]): Promise<void> {
    for (const room of rooms) this.#rooms.set(room, { version: null, frozen: false, asked: [], joining: false });
    this.#ready = this.#connect();
    return this.#ready;
  }

  /** Resolves when it is connected and in its rooms. */
  async present(): Promise<void> {
    while (!this.#closed) {
      const ready = this.#ready;
      await ready;
      if (this.connected && ready === this.#ready) return;
      // The loss is noticed, the next connection begins within this turn.
      await pause(1);
    }
  }

  /**
   * Sends an event and notes what becomes of it.
   * @param op of the request's `invoke`
   */
  async ask(op: number, event: string, data: unknown): Promise<Answer> {
    const { history } = this.#network;
    const socket = this.#socket;
    if (socket?.connected !== true) {
      history.add({ type: 'unknown', op, why: 'not connected' });
      return null;
    }
    let ack: Ack;
    try {
      ack = (await socket.timeout(answerMs).emitWithAck(event, data)) as Ack;
    } catch {
      history.add({ type: 'unknown', op, why: socket.connected ? 'no answer' : 'connection lost' });
      // A node that is frozen looks like this: elsewhere there may be an answer.
      if (socket.connected) socket.disconnect();
      return null;
    }
    if (!ack.success) history.add({ type: 'fail', op, code: ack.code ?? '', retryable: ack.retryable === true });
    return ack;
  }

  /** Reads a page of a room's history over REST. */
  async page(room: string, after: number, limit: number): Promise<readonly WireMessage[] | null> {
    const { history, urls } = this.#network;
    const op = history.invoke({ kind: 'page', user: this.user, session: this.#session, room });
    try {
      const path = `/messages/room/${encodeURIComponent(room)}?limit=${limit}&after=${after}`;
      const response = await fetch((urls[this.#node % urls.length] ?? '') + path, {
        headers: { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(answerMs),
      });
      const body = (await response.json()) as Envelope<readonly WireMessage[]>;
      if (response.status === 200) {
        const messages = body.data ?? [];
        history.add({ type: 'ok', op, after, messages: messages.map(seen) });
        return messages;
      }
      history.add({
        type: 'fail',
        op,
        code: body.code ?? '',
        retryable: response.status === 429 || response.status === 503,
      });
    } catch (error) {
      history.add({ type: 'unknown', op, why: error instanceof Error ? error.name : 'failed' });
    }
    return null;
  }

  /** Drops the connection without a goodbye to anybody but the network; it comes back by itself. */
  drop(): void {
    this.#socket?.io.engine.close();
  }

  close(): void {
    this.#closed = true;
    this.#socket?.disconnect();
  }

  async #connect(): Promise<void> {
    for (let wait: number = backoffMs.first; !this.#closed; wait = Math.min(wait * 2, backoffMs.last)) {
      if (await this.#attempt()) return;
      this.#node += 1;
      await pause(wait);
    }
  }

  /** One connection with all joins; false when any of it fails. */
  async #attempt(): Promise<boolean> {
    const { urls, history } = this.#network;
    const node = this.#node % urls.length;
    const session = `${this.user}#${(sessions += 1)}`;
    const socket = io(urls[node] ?? '', {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      autoConnect: false,
      timeout: connectMs,
      auth: { token: this.#token },
    });
    socket.onAny((event: string, data: unknown) => this.#hear(session, event, data));
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('connect_error', () => resolve(false));
      // Between the transport and the namespace a lost connection is no `connect_error`.
      socket.once('disconnect', () => resolve(false));
      socket.connect();
    });
    if (!opened || this.#closed) {
      socket.disconnect();
      return false;
    }
    history.add({ type: 'session', session, user: this.user, node, phase: 'open' });
    this.#socket = socket;
    this.#session = session;
    for (const place of this.#rooms.values()) place.asked = [];
    const lost = new Promise<false>((resolve) => {
      socket.once('disconnect', (reason) => {
        history.add({ type: 'session', session, user: this.user, node, phase: 'closed', reason });
        resolve(false);
      });
    });
    const joined = Promise.all([...this.#rooms.keys()].map((room) => this.#join(room)));
    const complete = await Promise.race([joined.then((all) => all.every((one) => one)), lost]);
    if (!complete) {
      socket.disconnect();
      return false;
    }
    void lost.then(() => {
      if (this.#closed) return;
      this.#node += 1;
      this.#ready = this.#connect();
    });
    return true;
  }

  /** Joins a room that it is in already, with the version that it has. */
  async rejoin(room: string): Promise<void> {
    if (!this.#place(room).joining) await this.#join(room);
  }

  async #join(room: string): Promise<boolean> {
    const place = this.#place(room);
    place.joining = true;
    try {
      return await this.#joinUntilIn(room, place);
    } finally {
      place.joining = false;
    }
  }

  /** Joins until it is in the room; false when the connection is lost. */
  async #joinUntilIn(room: string, place: Place): Promise<boolean> {
    for (;;) {
      const since = place.version;
      const op = this.#network.history.invoke({
        kind: 'join',
        user: this.user,
        session: this.#session,
        room,
        ...(since === null ? {} : { since }),
      });
      place.asked.push({ op, since });
      const ack = await this.ask(op, 'join_room', since === null ? { roomId: room } : { roomId: room, since });
      if (ack === null || this.#closed) return false;
      if (ack.success) {
        this.#network.history.add({ type: 'ok', op });
        return true;
      }
      place.asked = place.asked.filter((one) => one.op !== op);
      await pause(backoffMs.first);
    }
  }

  /** More is missing than a join brings: the whole history is read. */
  async #readAll(room: string): Promise<void> {
    const limit = 200;
    for (let after = 0; !this.#closed;) {
      const page = await this.page(room, after, limit);
      if (page === null) {
        await pause(backoffMs.last);
        continue;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      after = last.seq;
    }
  }

  #place(room: string): Place {
    const place = this.#rooms.get(room);
    if (place === undefined) throw new Error(`${this.user} is no member of ${room}`);
    return place;
  }

  #hear(session: string, event: string, data: unknown): void {
    const { history } = this.#network;
    const { user } = this;
    if (event === 'new_message' || event === 'message_edited') {
      const message = data as WireMessage;
      this.#durable(session, event, message.room_id ?? '', seen(message));
    } else if (event === 'message_deleted') {
      const { messageId, roomId, seq, version } = data as MessageDeleted;
      this.#durable(session, event, roomId ?? '', { id: messageId, seq, version, content: '', deleted: true });
    } else if (event === 'messages_read') {
      const { roomId, userId, upTo } = data as { roomId: string; userId: string; upTo: number };
      history.add({ type: 'receipt', session, room: roomId, reader: userId, upTo });
    } else if (event === 'room_joined') {
      const { roomId, seq, version, messages } = data as RoomJoined;
      const room = roomId ?? '';
      const place = this.#rooms.get(room);
      const { op, since } = place?.asked.shift() ?? { op: 0, since: null };
      history.add({ type: 'joined', session, user, room, op, since, seq, version, messages: messages.map(seen) });
      if (place === undefined) return;
      place.version = version;
      place.frozen = false;
    } else if (event === 'resync_required' || event === 'room_left') {
      const { roomId, version = 0, reason = event } = data as { roomId: string; version?: number; reason?: string };
      history.add({ type: 'resync', session, user, room: roomId, version, reason });
      this.#resync(roomId, reason);
    }
  }

  #durable(session: string, event: Heard['event'], room: string, message: Seen): void {
    this.#network.history.add({ type: 'heard', event, session, user: this.user, room, message });
    const place = this.#rooms.get(room);
    if (place !== undefined && !place.frozen) place.version = Math.max(place.version ?? 0, message.version);
  }

  /** A hole was announced: what lies before it is fetched by joining again with the version from before it. */
  #resync(room: string, reason: string): void {
    const place = this.#rooms.get(room);
    if (place === undefined) return;
    if (reason === 'gap') {
      place.frozen = true;
      void this.#join(room).catch(() => undefined);
    } else if (reason === 'slow_consumer') place.frozen = true;
    else if (reason === 'too_many_changes' || reason === 'unknown_version')
      this.#ready = this.#ready.then(() => this.#readAll(room));
  }
}
