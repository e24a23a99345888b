/**
 * The Socket.IO edge as one service: connections, authentication, events in, acknowledgements and broadcasts out. It knows
 * the chat by its port and the rooms by their facade; the HTTP server is not its own, and it never closes it.
 */
import type { Server as HttpServer } from 'node:http';
import { Server } from 'socket.io';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Config } from '../config.js';
import { within } from '../edge/deadline.js';
import type { Chat, Presence, RateLimiter, Tokens } from '../edge/port.js';
import type { Log } from '../observe/log.js';
import type { Service } from '../runtime/lifecycle.js';
import type { Rooms, StreamEdge } from '../runtime/rooms.js';
import { Admission } from './admission.js';
import { Authentication } from './authentication.js';
import type { SocketCluster } from './cluster.js';
import { Dispatcher } from './dispatcher.js';
import type { OutgoingBurst } from './fanout/burst.js';
import { connectionsOf, Wire, type Connection } from './fanout/wire.js';
import { forgetHandshake, releaseRequest } from './forgetting.js';
import { Hub, type LeavingSockets } from './hub.js';
import { socketListeners, type SocketListeners } from './listeners.js';
import type { EdgeMetrics } from './metrics.js';
import { eventPacket } from './packets.js';
import { answerRefusals, refuseOtherMethods } from './refused-requests.js';
import { Session, type ChatServer, type ChatSocket } from './session.js';

/** How long `stop` waits for clients to close their side before it cuts them. */
const stopGraceMs = 1_000;

/** How long after an eviction a room is told of it. */
const evictedMs = 1_000;

export interface SocketEdgeParts {
  readonly config: Pick<
    Config,
    | 'ackBacklog'
    | 'authTimeoutMs'
    | 'bodyMaxBytes'
    | 'corsOrigins'
    | 'maxSockets'
    | 'handshakesMax'
    | 'joinsMax'
    | 'roomsPerSocket'
    | 'shutdownGraceMs'
    | 'socketBufferBytes'
    | 'socketsPerUser'
  >;
  readonly server: HttpServer;
  readonly chat: Chat;
  /** The allowance that is no send's. */
  readonly requests: RateLimiter;
  readonly tokens: Tokens;
  readonly presence: Presence;
  readonly rooms: Pick<Rooms, 'attach'>;
  /** Sockets to be announced although they are not in the rooms any more; absent for none. */
  readonly leaving?: LeavingSockets;
  /** Somebody's access to a room ended: what was known of it is old. */
  readonly onRevoked: (key: RoomKey) => void;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
  /** Null on the only node. */
  readonly cluster?: SocketCluster | null;
}

export interface SocketEdge extends Service {
  /** What the rooms talk to; `start` attaches it. */
  readonly listener: StreamEdge;
  /**
   * Tells every socket `server_draining`, refuses new connections (503) and further events (DRAINING). Events on their way
   * are still answered and broadcast. `stop` then closes the connections.
   */
  drain(): void;
  /**
   * Resolves once the clients have what was sent to them, so that `stop` takes no answer from them: polling ones come for it,
   * which they can only while the server listens. Waits for a quarter of SHUTDOWN_GRACE_MS at most.
   */
  taken(): Promise<void>;
  /** The gentle beginning of a drain: tells every socket and refuses new connections, but goes on taking events. */
  announceDrain(): void;
  /** Takes no more events and refuses none: the connections are closed next, and clients send again what was not answered. */
  mute(): void;
}

export function createSocketEdge(parts: SocketEdgeParts): SocketEdge {
  return new Edge(parts);
}

class Edge implements SocketEdge {
  readonly name = 'socket edge';
  readonly listener: StreamEdge;
  readonly #parts: SocketEdgeParts;
  readonly #hub: Hub;
  readonly #authentication: Authentication;
  readonly #dispatcher: Dispatcher;
  readonly #admission: Admission;
  readonly #listeners: SocketListeners;
  /** One per connection at most, so bounded by MAX_SOCKETS. */
  readonly #sessions = new Map<Connection, Session>();
  #io: ChatServer | null = null;
  #draining = false;

  constructor(parts: SocketEdgeParts) {
    const { config, chat, requests, tokens, presence, metrics, log, cluster = null } = parts;
    const { authTimeoutMs, socketsPerUser, ackBacklog, roomsPerSocket, joinsMax } = config;
    const userRooms = cluster !== null;
    this.#parts = parts;
    this.#hub = new Hub(metrics, log, cluster !== null);
    if (parts.leaving !== undefined) this.#hub.announceToo(parts.leaving);
    this.#hub.onEvicted((session, key) => this.#evicted(session, key));
    this.listener = this.#hub;
    const hub = this.#hub;
    this.#authentication = new Authentication({
      tokens,
      presence,
      hub,
      sessions: () => this.#sessions.values(),
      metrics,
      log,
      authTimeoutMs,
      socketsPerUser,
      userRooms,
    });
    const authentication = this.#authentication;
    this.#dispatcher = new Dispatcher({
      authentication,
      chat,
      requests,
      hub,
      metrics,
      log,
      ackBacklog,
      roomsPerSocket,
      joinsMax,
    });
    this.#admission = new Admission(
      config,
      () => this.#io?.engine.clientsCount ?? 0,
      () => this.#sessions.size,
      metrics,
      log,
    );
    const gone = (session: Session): void => {
      this.#gone(session);
    };
    this.#listeners = socketListeners(this.#sessions, this.#dispatcher, gone, log);
  }

  start(): Promise<void> {
    if (this.#io !== null) return Promise.resolve();
    const { config, server, rooms, cluster = null } = this.#parts;
    const io: ChatServer = new Server(server, {
      maxHttpBufferSize: config.bodyMaxBytes,
      connectTimeout: config.authTimeoutMs,
      transports: ['polling', 'websocket'],
      perMessageDeflate: false,
      httpCompression: false,
      serveClient: false,
      cleanupEmptyChildNamespaces: true,
      cors: { origin: corsOrigin(config.corsOrigins) },
    });
    answerRefusals(io.engine);
    io.engine.use(refuseOtherMethods);
    io.engine.use(this.#admission.middleware);
    io.engine.use(releaseRequest);
    io.use(this.#authentication.handshake);
    io.on('connection', (socket) => {
      this.#connected(socket);
    });
    this.#io = io;
    if (cluster !== null) this.#join(io, cluster);
    rooms.attach(this.listener);
    return Promise.resolve();
  }

  drain(): void {
    this.announceDrain();
    this.#dispatcher.drain();
  }

  mute(): void {
    this.#dispatcher.mute();
  }

  announceDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#admission.drain();
    const packet = eventPacket('server_draining', {});
    for (const session of this.#sessions.values()) session.push(packet);
    this.#hub.flusher.flushAll();
  }

  async taken(): Promise<void> {
    this.#hub.flusher.flushAll();
    const taken = this.#connections().map((conn) => new Wire(conn).taken());
    await within(Promise.all(taken), this.#parts.config.shutdownGraceMs / 4).catch(() => undefined);
  }

  async stop(): Promise<void> {
    const io = this.#io;
    if (io === null) return;
    this.drain();
    // Connections that never joined the namespace too: an open one would hold up the end of the HTTP server.
    const wires = this.#connections().map((conn) => new Wire(conn));
    this.#io = null;
    const closed = Promise.all(wires.map((wire) => wire.closed()));
    for (const session of [...this.#sessions.values()]) session.drop();
    for (const wire of wires) wire.close();
    await within(closed, stopGraceMs).catch(() => undefined);
    for (const wire of wires) wire.terminate();
    // Not `io.close()`: it would close the HTTP server, which belongs to another service.
    io.engine.close();
    this.#authentication.stop();
  }

  #connections(): readonly Connection[] {
    return this.#io === null ? [] : connectionsOf(this.#io.engine);
  }

  #join(io: ChatServer, cluster: SocketCluster): void {
    io.adapter(cluster.adapter);
    io.on('relay', (text) => {
      cluster.receive(text);
    });
    cluster.bind((text) => {
      io.serverSideEmit('relay', text);
    });
    this.#hub.relayTo((userId, packet) => {
      cluster.personal(userId, packet);
    });
  }

  #connected(socket: ChatSocket): void {
    const { config, metrics, cluster = null } = this.#parts;
    const { onevent, disconnect, error } = this.#listeners;
    // Socket.IO refuses to connect twice only once the first is through: of many that come together each would be a session.
    if (this.#sessions.has(socket.conn)) {
      socket.conn.close();
      return;
    }
    const id = cluster === null ? socket.id : `${cluster.node}/${socket.id}`;
    const session = new Session(id, socket, this.#hub.flusher, config.socketBufferBytes, this.#overflowed);
    this.#sessions.set(socket.conn, session);
    metrics.sockets += 1;
    // Events are taken as the parser made them: the acknowledgement stays an id, so that its packet can be spliced.
    Object.assign(socket, { onevent });
    socket.on('disconnect', disconnect);
    // Socket.IO reports packets that it cannot parse here, and closes the connection after it.
    socket.on('error', error);
    forgetHandshake(socket);
    // Socket.IO's room of this socket alone: nothing is ever sent to it.
    void socket.leave(socket.id);
    this.#authentication.connected(session, socket.data.identity);
  }

  /** Once per socket: by its disconnect, or before that when it was found too slow. */
  #gone(session: Session): void {
    if (session.closed) return;
    session.closed = true;
    const { chat, metrics } = this.#parts;
    for (const key of [...session.rooms]) {
      this.#hub.leave(key, session);
      if (session.identity !== null) chat.depart(session.identity.userId, session.id, key);
    }
    this.#authentication.disconnected(session);
    this.#sessions.delete(session.socket.conn);
    metrics.sockets -= 1;
  }

  /**
   * A room knows whom it put out, unless it lost its memory meanwhile and was told of them since. It is told a little later,
   * when a join that was on its way is over.
   */
  #evicted(session: Session, key: RoomKey): void {
    this.#parts.onRevoked(key);
    const { identity } = session;
    if (identity === null) return;
    const depart = (): void => this.#parts.chat.depart(identity.userId, session.id, key, () => session.returned(key));
    setTimeout(depart, evictedMs).unref();
  }

  readonly #overflowed = (session: Session, burst: OutgoingBurst | null): void => {
    const { metrics, log } = this.#parts;
    metrics.slowCloses += 1;
    const { id, identity } = session;
    log.warn({ socketId: id, userId: identity?.userId, roomId: burst?.roomId }, 'slow socket closed');
    session.dropAfter(
      burst === null
        ? null
        : eventPacket('resync_required', { roomId: burst.roomId, version: burst.version, reason: 'slow_consumer' }),
    );
    this.#gone(session);
  };
}

function corsOrigin(origins: string): string | string[] {
  if (origins.trim() === '*') return '*';
  return origins.split(',').map((origin) => origin.trim());
}
