/**
 * A recording chat client on the real socket.io-client. It keeps every event in the order in which it came, so that
 * `laws.ts` can judge the whole stream afterwards, and it waits by event: never by time.
 */
import { io, type Socket } from 'socket.io-client';
import { generousMs, within } from './eventually.js';
import { tokenFor } from './token.js';
import type { Ack, RoomJoined, WireMessage } from './wire.js';

/** One event as it came. */
export interface Heard {
  readonly event: string;
  readonly data: unknown;
}

export interface ClientOptions {
  /** Defaults to WebSocket alone. */
  readonly transports?: readonly ('websocket' | 'polling')[];
  /** Handshake token; null connects without one. Defaults to a good one. */
  readonly token?: string | null;
  readonly username?: string;
  readonly secret?: string;
}

interface Waiter {
  readonly from: number;
  readonly matches: (heard: Heard) => boolean;
  readonly resolve: (heard: Heard) => void;
}

export class ChatClient {
  readonly userId: string;
  readonly socket: Socket;
  /** Everything heard, oldest first: it holds the life of one test. */
  readonly heard: Heard[] = [];
  #waiters: Waiter[] = [];

  private constructor(url: string, userId: string, options: ClientOptions) {
    this.userId = userId;
    const token =
      options.token === undefined
        ? tokenFor(userId, {
            ...(options.username === undefined ? {} : { username: options.username }),
            ...(options.secret === undefined ? {} : { secret: options.secret }),
          })
        : options.token;
    this.socket = io(url, {
      transports: [...(options.transports ?? ['websocket'])],
      reconnection: false,
      forceNew: true,
      autoConnect: false,
      ...(token === null ? {} : { auth: { token } }),
    });
    this.socket.onAny((event: string, data: unknown) => {
      this.#record({ event, data });
    });
    this.socket.on('disconnect', (reason) => {
      this.#record({ event: 'disconnect', data: reason });
    });
  }

  /**
   * Connects; a handshake token is verified by then.
   * @throws Error of the refusal, with its `data`
   */
  static async connect(url: string, userId: string, options: ClientOptions = {}): Promise<ChatClient> {
    const client = new ChatClient(url, userId, options);
    const connected = new Promise<void>((resolve, reject) => {
      client.socket.once('connect', resolve);
      client.socket.once('connect_error', reject);
      // The connection may end between the transport's opening and the namespace's.
      client.socket.once('disconnect', (reason) => {
        reject(new Error(reason));
      });
    });
    client.socket.connect();
    try {
      await within(connected, `the connection of ${userId}`);
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /**
   * Sends an event and gives its ack.
   * @throws Error when the connection is gone or ends before the ack came
   */
  async ask(event: string, ...data: readonly unknown[]): Promise<Ack> {
    // socket.io-client would keep the event for a reconnection that never comes.
    if (!this.socket.connected) throw new Error('not connected');
    const ack: unknown = await this.socket.timeout(generousMs).emitWithAck(event, ...data);
    return ack as Ack;
  }

  /** Sends an event without an ack. */
  tell(event: string, ...data: readonly unknown[]): void {
    this.socket.emit(event, ...data);
  }

  /** Joins a room: the payload of its `room_joined`. */
  async join(roomId: string, since?: number): Promise<RoomJoined> {
    const from = this.heard.length;
    this.tell('join_room', since === undefined ? { roomId } : { roomId, since });
    const { data } = await this.wait('room_joined', (joined: RoomJoined) => joined.roomId === roomId, from);
    return data as RoomJoined;
  }

  /**
   * Sends a message to a room.
   * @throws Error with the refusal's code
   */
  async send(roomId: string, content: string, more: Readonly<Record<string, unknown>> = {}): Promise<WireMessage> {
    const ack = await this.ask('send_message', { room_id: roomId, content, ...more });
    if (ack.message === undefined) throw new Error(`send refused: ${ack.code ?? ''} ${ack.error ?? ''}`);
    return ack.message;
  }

  /** The first event of that name at or after `from` (an index of `heard`) whose data matches. */
  wait<T>(event: string, matches: (data: T) => boolean = () => true, from = 0): Promise<Heard> {
    const wanted = (heard: Heard): boolean => heard.event === event && matches(heard.data as T);
    const known = this.heard.slice(from).find(wanted);
    if (known !== undefined) return Promise.resolve(known);
    const heard = new Promise<Heard>((resolve) => {
      this.#waiters.push({ from, matches: wanted, resolve });
    });
    return within(heard, `${event} at ${this.userId}`);
  }

  /** The message of the `new_message` with this id. */
  async message(id: string): Promise<WireMessage> {
    const { data } = await this.wait('new_message', (message: WireMessage) => message.id === id);
    return data as WireMessage;
  }

  /**
   * Resolves when everything the server had written to this socket before has come: a request that is refused at the
   * edge goes there and back behind it.
   */
  async barrier(): Promise<void> {
    await this.ask('get_messages', {});
  }

  /** Data of all events of a name. */
  all(event: string, from = 0): unknown[] {
    return this.heard.slice(from).flatMap((heard) => (heard.event === event ? [heard.data] : []));
  }

  close(): void {
    this.socket.disconnect();
  }

  #record(heard: Heard): void {
    const index = this.heard.push(heard) - 1;
    const due = this.#waiters.filter((waiter) => index >= waiter.from && waiter.matches(heard));
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.resolve(heard);
  }
}
