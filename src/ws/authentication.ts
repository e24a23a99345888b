/**
 * Who a socket is: by the handshake's token (`auth.token` or a Bearer header), or by the event `authenticate`, which also
 * renews the token of a live socket. A socket that is nobody in time, or whose token expires, is closed.
 */
import { reject, rejections, type Rejection } from '../actors/rejections.js';
import type { Identity, Presence, Result, Tokens } from '../edge/port.js';
import type { Log } from '../observe/log.js';
import { refuse } from './call.js';
import { Deadlines } from './deadlines.js';
import type { Hub } from './hub.js';
import type { EdgeMetrics } from './metrics.js';
import { ackText, eventPacket, refusedBody } from './packets.js';
import type { ChatSocket, Session } from './session.js';

/** Attempts to authenticate that may fail before the socket is closed: each costs a signature check. */
const failuresAllowed = 5;

export interface AuthenticationParts {
  readonly tokens: Tokens;
  readonly presence: Presence;
  readonly hub: Hub;
  /** All that are connected. */
  readonly sessions: () => Iterable<Session>;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
  readonly authTimeoutMs: number;
  readonly socketsPerUser: number;
  /** Whether sockets enter their user's Socket.IO room, by which other nodes reach them. */
  readonly userRooms: boolean;
}

export class Authentication {
  readonly #parts: AuthenticationParts;
  readonly #deadlines: Deadlines<Session>;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(
      parts.sessions,
      (session) => this.#left(session),
      (session) => {
        this.#end(session);
      },
    );
  }

  /** A middleware of the namespace: a bad token is a `connect_error` with `data { code, retryable }`; none may come later. */
  readonly handshake = (socket: ChatSocket, next: (error?: Error) => void): void => {
    const token = handshakeToken(socket);
    if (token === null) {
      next();
      return;
    }
    const result = this.#verify(token);
    const refusal = result.ok ? this.#tooMany(result.value) : result.rejection;
    if (!result.ok || refusal !== null) {
      const { code, message } = refusal ?? reject('INTERNAL');
      this.#parts.metrics.refusals.set(code, (this.#parts.metrics.refusals.get(code) ?? 0) + 1);
      this.#parts.log.info({ socketId: socket.id, code }, 'handshake refused');
      next(Object.assign(new Error(message), { data: { code, retryable: rejections[code].retryable } }));
      return;
    }
    socket.data.identity = result.value;
    next();
  };

  /** A socket connected: it is somebody already, or has a while to become it. */
  connected(session: Session, identity: Identity | undefined): void {
    if (identity === undefined) {
      this.#deadlines.watch(session);
      return;
    }
    // Others of the same user may have connected since the handshake was checked.
    const refusal = this.#tooMany(identity);
    if (refusal !== null) {
      session.error(refusal, null);
      session.disconnect();
      return;
    }
    this.#accept(session, identity);
    session.emit('authenticated', { success: true, userId: identity.userId });
  }

  /** The event `authenticate`. */
  authenticate(session: Session, input: object, ack: number | null): void {
    const { metrics, log } = this.#parts;
    const result = this.#check(session, input);
    if (result.ok) {
      const { userId } = result.value;
      this.#accept(session, result.value);
      metrics.acks += 1;
      session.push(eventPacket('authenticated', { success: true, userId }));
      if (ack !== null) session.push(ackText(ack, JSON.stringify({ success: true, userId })));
      return;
    }
    const { code, message } = result.rejection;
    log.info({ socketId: session.id, code }, 'authentication refused');
    metrics.refusals.set(code, (metrics.refusals.get(code) ?? 0) + 1);
    session.push(eventPacket('authenticated', { success: false, error: message }));
    if (ack !== null) session.push(ackText(ack, refusedBody(result.rejection, result.retryAfterMs)));
    session.failures += 1;
    if (session.failures >= failuresAllowed) session.disconnect();
  }

  /** Answers an event of a socket that is nobody yet: the event `error`, and the acknowledgement where one is awaited. */
  refuseStranger(session: Session, event: string, ack: number | null): void {
    const rejection = reject('UNAUTHENTICATED');
    refuse(session, event, ack, this.#parts.metrics, rejection);
    if (ack !== null) session.error(rejection, event);
  }

  /** A socket is gone. */
  disconnected(session: Session): void {
    if (session.identity === null) return;
    this.#parts.hub.removeUser(session.identity.userId, session);
    this.#parts.presence.disconnected(session.identity.userId);
  }

  /** All sockets are gone. */
  stop(): void {
    this.#deadlines.stop();
  }

  #check(session: Session, input: object): Result<Identity> {
    const claimed = 'userId' in input ? input.userId : undefined;
    const token = 'token' in input ? input.token : undefined;
    if (typeof claimed !== 'string' && typeof claimed !== 'number')
      return { ok: false, rejection: reject('VALIDATION', 'userId is required') };
    const result = this.#verify(token);
    if (!result.ok) return result;
    const { userId } = result.value;
    if (String(claimed) !== userId)
      return { ok: false, rejection: reject('FORBIDDEN', 'The token belongs to another user') };
    if (session.identity !== null && session.identity.userId !== userId)
      return { ok: false, rejection: reject('FORBIDDEN', 'This connection belongs to another user') };
    const refusal = session.identity === null ? this.#tooMany(result.value) : null;
    return refusal === null ? result : { ok: false, rejection: refusal };
  }

  /** A throw in a middleware would end the process. */
  #verify(token: unknown): Result<Identity> {
    try {
      return this.#parts.tokens.verify(token);
    } catch (error) {
      this.#parts.log.error({ err: error }, 'verifying a token threw');
      return { ok: false, rejection: reject('INTERNAL') };
    }
  }

  #tooMany({ userId }: Identity): Rejection | null {
    return this.#parts.hub.socketsOf(userId).length < this.#parts.socketsPerUser ? null : reject('TOO_MANY_SOCKETS');
  }

  #accept(session: Session, identity: Identity): void {
    if (session.identity === null) {
      this.#parts.hub.addUser(identity.userId, session);
      if (this.#parts.userRooms) session.enterUserRoom(identity.userId);
      this.#parts.presence.connected(identity.userId);
    }
    session.identity = identity;
    this.#deadlines.watch(session);
  }

  /** Milliseconds until the socket is closed. */
  #left({ identity, since }: Session): number {
    if (identity === null) return since + this.#parts.authTimeoutMs - performance.now();
    return identity.expiresAt === null ? Infinity : identity.expiresAt - Date.now();
  }

  #end(session: Session): void {
    const { id, identity } = session;
    if (identity === null) this.#parts.log.info({ socketId: id }, 'socket did not authenticate in time');
    else this.#parts.log.info({ socketId: id, userId: identity.userId }, 'token of a live socket expired');
    session.error(reject(identity === null ? 'UNAUTHENTICATED' : 'TOKEN_EXPIRED'), null);
    session.disconnect();
  }
}

function handshakeToken(socket: ChatSocket): unknown {
  const { auth, headers } = socket.handshake;
  const given: unknown = auth['token'];
  if (given !== undefined && given !== null && given !== '') return given;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}
