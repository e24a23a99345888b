/**
 * What Socket.IO keeps of a connection for as long as it lives, and what is needed of it only until the handshake is over: the HTTP
 * request with its headers and the client's token, which is a third of an idle socket's memory, and a secret. Nothing here and
 * nothing of the redis-adapter reads it later (`fetchSockets` would send it to the other nodes). test/ws/forgetting.test.ts
 * fails when an upgrade keeps it somewhere else.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { ChatSocket } from './session.js';

/** One for all sockets. */
const forgotten: ChatSocket['handshake'] = Object.freeze({
  headers: Object.freeze({}),
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: Object.freeze({}),
  auth: Object.freeze({}),
});

/**
 * The last middleware of the engine. The stand-in for a response that it makes for an upgrade listens to the end of the TCP
 * connection, and would keep the request until then; headers are set on it by middlewares alone.
 */
export function releaseRequest(_req: IncomingMessage, res: unknown, next: () => void): void {
  if (typeof res === 'object' && res !== null && 'req' in res && !(res instanceof ServerResponse)) res.req = null;
  next();
}

/** To be called when it is known who the socket is, or that it has to say so by an event. */
export function forgetHandshake(socket: ChatSocket): void {
  Object.assign(socket.conn, { request: null });
  Object.assign(socket, { handshake: forgotten });
}
