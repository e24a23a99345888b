/** A running edge on a real HTTP server with a fake chat behind it, and real clients. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { WebSocket } from 'ws';
import { reject } from '../../../src/actors/rejections.js';
import type { Identity, RateLimiter, Result, Tokens } from '../../../src/edge/port.js';
import { createSocketEdge, type SocketEdge, type SocketEdgeParts } from '../../../src/ws/edge.js';
import { createEdgeMetrics, type EdgeMetrics } from '../../../src/ws/metrics.js';
import { FakeChat } from './chat.js';

export interface World {
  readonly chat: FakeChat;
  readonly edge: SocketEdge;
  readonly server: Server;
  readonly metrics: EdgeMetrics;
  readonly url: string;
  readonly port: number;
  /** Presence calls, such as `+alice`. */
  readonly presence: string[];
  readonly logs: string[];
  /** A connected client of the user; `token` may be said otherwise. */
  readonly client: (userId: string | null, options?: Partial<ManagerOptions & SocketOptions>) => Promise<Socket>;
  /** A bare WebSocket that has done the Socket.IO handshake as the user. */
  readonly raw: (userId: string) => Promise<WebSocket>;
  /** Joins and waits for `room_joined`; commits the frame. */
  readonly join: (socket: Socket, roomId: string) => Promise<unknown>;
}

const config: SocketEdgeParts['config'] = {
  ackBacklog: 1000,
  authTimeoutMs: 10_000,
  bodyMaxBytes: 65_536,
  corsOrigins: '*',
  maxSockets: 1000,
  handshakesMax: 1000,
  joinsMax: 1000,
  roomsPerSocket: 500,
  shutdownGraceMs: 10_000,
  socketBufferBytes: 1_048_576,
  socketsPerUser: 20,
};

/** Tokens of the tests: `name`, `name~<expiry in ms>`, `expired`; anything else is forged. */
function verify(token: unknown): Result<Identity> {
  if (token === 'expired') return { ok: false, rejection: reject('TOKEN_EXPIRED') };
  const match = typeof token === 'string' ? /^([a-z]+\d*)(?:~(\d+))?$/.exec(token) : null;
  const userId = match?.[1];
  if (userId === undefined) return { ok: false, rejection: reject('UNAUTHENTICATED', 'The token is not valid') };
  const expiresAt = match?.[2] === undefined ? null : Number(match[2]);
  return { ok: true, value: { userId, username: userId, expiresAt } };
}

export async function world(
  t: ExecutionContext,
  settings: Partial<SocketEdgeParts['config']> = {},
  requests: RateLimiter = { take: () => 0 },
  tokens: Tokens = { verify },
): Promise<World> {
  const chat = new FakeChat();
  const metrics = createEdgeMetrics();
  const presence: string[] = [];
  const logs: string[] = [];
  const server = createServer((_req, res) => res.writeHead(404).end());
  const edge = createSocketEdge({
    config: { ...config, ...settings },
    server,
    chat,
    tokens,
    requests,
    presence: {
      connected: (userId) => presence.push(`+${userId}`),
      disconnected: (userId) => presence.push(`-${userId}`),
      heartbeat: () => undefined,
      logout: () => undefined,
      online: () => Promise.resolve({}),
    },
    rooms: { attach: (listener) => (chat.listener = listener) },
    onRevoked: () => undefined,
    metrics,
    log: pino({ level: 'debug' }, { write: (line: string) => logs.push(line) }),
  });
  await edge.start();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const clients: Socket[] = [];
  const raws: WebSocket[] = [];
  t.teardown(async () => {
    for (const client of clients) client.disconnect();
    for (const raw of raws) raw.terminate();
    await edge.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function client(userId: string | null, options: Partial<ManagerOptions & SocketOptions> = {}): Promise<Socket> {
    const socket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      ...(userId === null ? {} : { auth: { token: userId } }),
      ...options,
    });
    clients.push(socket);
    await new Promise<void>((resolve, fail) => {
      socket.on('connect', resolve);
      socket.on('connect_error', fail);
    });
    return socket;
  }

  async function raw(userId: string): Promise<WebSocket> {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    raws.push(ws);
    ws.on('error', () => undefined);
    await rawText(ws, (text) => text.startsWith('0'));
    ws.send(`40${JSON.stringify({ token: userId })}`);
    await rawText(ws, (text) => text.startsWith('42["authenticated"'));
    return ws;
  }

  async function join(socket: Socket, roomId: string): Promise<unknown> {
    const joined = next(socket, 'room_joined');
    socket.emit('join_room', { roomId });
    await chat.arrived(1);
    chat.commit();
    return await joined;
  }

  return { chat, edge, server, metrics, url, port, presence, logs, client, raw, join };
}

/** The next body of an event. */
export function next(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve));
}

/** The next text frame that fits. */
export function rawText(ws: WebSocket, fits: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    const onMessage = (data: Buffer): void => {
      const text = data.toString();
      if (!fits(text)) return;
      ws.off('message', onMessage);
      resolve(text);
    };
    ws.on('message', onMessage);
  });
}

/** Emits an event and waits for its acknowledgement. */
export function ask(socket: Socket, event: string, data: unknown): Promise<unknown> {
  return new Promise((resolve) => socket.emit(event, data, resolve));
}

/** Records what clients hear from now on: everything sent before has arrived. */
export async function recorders<const S extends readonly Socket[]>(
  ...sockets: S
): Promise<{ [K in keyof S]: Recorder }> {
  await Promise.all(sockets.map((socket) => ask(socket, 'get_messages', {})));
  const recording: Recorder[] = sockets.map((socket) => new Recorder(socket));
  return recording as { [K in keyof S]: Recorder };
}

export interface Heard {
  readonly event: string;
  readonly body: Readonly<Record<string, string | number | undefined>>;
}

/** Everything a client hears from now on, and a wait for what is to come. */
export class Recorder {
  readonly heard: Heard[] = [];
  readonly #wakes: (() => void)[] = [];

  constructor(socket: Socket) {
    socket.onAny((event: string, body: Heard['body']) => {
      this.heard.push({ event, body });
      for (const wake of this.#wakes.splice(0)) wake();
    });
  }

  of(event: string): Heard['body'][] {
    return this.heard.filter((one) => one.event === event).map(({ body }) => body);
  }

  /** Short names: `new_message 3` by version, else `event userId`. */
  get names(): string[] {
    return this.heard.map(({ event, body }) => `${event} ${String(body['version'] ?? body['userId'] ?? '')}`.trim());
  }

  async until(done: (recorder: this) => boolean): Promise<void> {
    while (!done(this)) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }
}
