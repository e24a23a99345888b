/**
 * From a packet of any shape to the handler of its event: one gate for all of them. What does not pass it is answered, never
 * thrown; an event that throws is answered INTERNAL and logged.
 */
import { reject, type Rejection } from '../actors/rejections.js';
import type { Chat, Identity, RateLimiter } from '../edge/port.js';
import type { Log } from '../observe/log.js';
import type { Authentication } from './authentication.js';
import { Call, refuse } from './call.js';
import type { ClientToServer } from './events.js';
import { getMessages } from './handlers/history.js';
import { deleteMessage, editMessage, sendMessage } from './handlers/messages.js';
import { mark } from './handlers/receipts.js';
import { joinRoom, leaveRoom } from './handlers/rooms.js';
import { stopTyping, typing, typingUsers } from './handlers/typing.js';
import type { Hub } from './hub.js';
import type { EdgeMetrics } from './metrics.js';
import type { Session } from './session.js';

type Handler = (call: Call) => void | Promise<void>;

/** Longest event name that is repeated in an answer. */
const longestName = 64;

export interface DispatcherParts {
  readonly authentication: Authentication;
  readonly chat: Chat;
  /** What is refused here, before it reaches the chat, costs a request too. */
  readonly requests: RateLimiter;
  readonly hub: Hub;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
  readonly ackBacklog: number;
  readonly roomsPerSocket: number;
  /** Joins at once that await their room. */
  readonly joinsMax: number;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #handlers: ReadonlyMap<string, Handler>;
  #draining = false;
  #muted = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#handlers = new Map(Object.entries(handlers(parts)));
  }

  /** From now on every event is refused: DRAINING. Those on their way are still answered. */
  drain(): void {
    this.#draining = true;
  }

  /** From now on events are left unanswered, since their sockets are closed in a moment; a client sends them again then. */
  mute(): void {
    this.#muted = true;
  }

  /**
   * One event packet as socket.io's parser made it.
   * @param data `[name, argument…]`, or anything
   * @param id of the acknowledgement, or undefined
   */
  dispatch(session: Session, data: unknown, id: unknown): void {
    if (session.closed || this.#muted) return;
    const packet: readonly unknown[] = Array.isArray(data) ? data : [];
    const [name, input] = packet;
    const event = String(typeof name === 'string' || typeof name === 'number' ? name : '').slice(0, longestName);
    const ack = typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null;

    const authenticating = event === 'authenticate';
    if (session.identity === null && !authenticating) {
      this.#parts.authentication.refuseStranger(session, event, ack);
      return;
    }
    const handler = this.#handlers.get(event);
    const rejection = this.#rejection(session, packet, input, authenticating || handler !== undefined);
    const invalid = rejection?.code === 'VALIDATION';
    const wait = invalid || authenticating ? this.#spend(session) : 0;
    if (wait > 0) {
      refuse(session, event, ack, this.#parts.metrics, reject('RATE_LIMITED'), wait);
    } else if (rejection !== null || !isObject(input)) {
      refuse(session, event, ack, this.#parts.metrics, rejection ?? reject('VALIDATION'));
    } else if (authenticating) {
      this.#parts.authentication.authenticate(session, input, ack);
    } else if (handler !== undefined && session.identity !== null) {
      this.#run(handler, session, session.identity, event, input, ack);
    }
  }

  /** Nobody to charge before the first authentication, which is bounded in time and in attempts. */
  #spend({ identity }: Session): number {
    return identity === null ? 0 : this.#parts.requests.take(identity.userId);
  }

  #rejection(session: Session, packet: readonly unknown[], input: unknown, known: boolean): Rejection | null {
    if (!known) return reject('VALIDATION', 'Unknown event');
    if (packet.length !== 2 || !isObject(input)) return reject('VALIDATION', 'An event takes one object');
    if (holdsBinary(input)) return reject('VALIDATION', 'Binary data is not accepted');
    if (this.#draining) return reject('DRAINING');
    return session.unanswered >= this.#parts.ackBacklog
      ? reject('OVERLOADED', 'Too many events of this connection await an answer')
      : null;
  }

  #run(handler: Handler, session: Session, caller: Identity, event: string, input: object, ack: number | null): void {
    const call = new Call(session, caller, event, input, ack, this.#parts.metrics);
    const failed = (error: unknown): void => {
      this.#parts.log.error(
        { err: error, socketId: session.id, userId: caller.userId, event },
        'handling an event threw',
      );
      call.fail();
    };
    try {
      const pending = handler(call);
      if (pending !== undefined) pending.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

function handlers({
  chat,
  hub,
  roomsPerSocket,
  joinsMax,
}: DispatcherParts): Record<Exclude<keyof ClientToServer, 'authenticate'>, Handler> {
  const joins = { pending: 0, max: joinsMax };
  return {
    join_room: (call) => {
      joinRoom(call, chat, hub, roomsPerSocket, joins);
    },
    leave_room: (call) => {
      leaveRoom(call, chat, hub);
    },
    send_message: (call) => {
      sendMessage(call, chat);
    },
    edit_message: (call) => {
      editMessage(call, chat);
    },
    delete_message: (call) => {
      deleteMessage(call, chat);
    },
    typing: (call) => {
      typing(call, chat);
    },
    stop_typing: (call) => {
      stopTyping(call, chat);
    },
    get_typing_users: (call) => {
      typingUsers(call, chat);
    },
    mark_read: (call) => mark(call, chat, hub, 'read'),
    mark_delivered: (call) => mark(call, chat, hub, 'delivered'),
    get_messages: (call) => getMessages(call, chat),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an attachment hides anywhere in it. Iterative: hostile data may be nested deeper than the stack. */
function holdsBinary(input: object): boolean {
  if (ArrayBuffer.isView(input)) return true;
  let rest: object[] | null = null;
  let next: object | undefined = input;
  while (next !== undefined) {
    const values: unknown[] = Object.values(next);
    for (const value of values) {
      if (typeof value !== 'object' || value === null) continue;
      const inner: object = value;
      if (ArrayBuffer.isView(inner) || inner instanceof ArrayBuffer) return true;
      (rest ??= []).push(inner);
    }
    next = rest?.pop();
  }
  return false;
}
