/**
 * Who may connect at all, decided before any handshake and at the price of two comparisons: not over MAX_SOCKETS, not while
 * draining. The answer is 503 with Retry-After; it is logged at most once per `quietMs`, with how many there were.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import { reject, type RejectionCode } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { EdgeMetrics } from './metrics.js';

const quietMs = 10_000;
const retryAfterSeconds = 1;

export class Admission {
  readonly #maxSockets: number;
  readonly #connected: () => number;
  readonly #metrics: EdgeMetrics;
  readonly #log: Log;
  #draining = false;
  #refused = 0;
  #loggedAt = -Infinity;

  /** @param connected how many connections there are */
  constructor(maxSockets: number, connected: () => number, metrics: EdgeMetrics, log: Log) {
    this.#maxSockets = maxSockets;
    this.#connected = connected;
    this.#metrics = metrics;
    this.#log = log;
  }

  drain(): void {
    this.#draining = true;
  }

  /** A middleware of the engine: requests of connections that exist (with a `sid`) pass. */
  readonly middleware = (req: IncomingMessage, res: ServerResponse, next: () => void): void => {
    const code = this.#refusal(req);
    if (code === null) {
      next();
      return;
    }
    this.#count(code);
    const body = JSON.stringify({ success: false, message: reject(code).message, code });
    // On upgrades the engine passes a stand-in for the response that cannot answer.
    if (res instanceof ServerResponse) {
      res.writeHead(503, { 'content-type': 'application/json', 'retry-after': String(retryAfterSeconds) }).end(body);
      return;
    }
    req.socket.on('error', () => undefined);
    req.socket.end(
      `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: ${retryAfterSeconds}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  };

  #refusal(req: IncomingMessage): RejectionCode | null {
    if (!this.#draining && this.#connected() < this.#maxSockets) return null;
    if (/[?&]sid=/.test(req.url ?? '')) return null;
    return this.#draining ? 'DRAINING' : 'OVERLOADED';
  }

  #count(code: RejectionCode): void {
    this.#metrics.refusedConnections += 1;
    this.#refused += 1;
    const now = performance.now();
    if (now - this.#loggedAt < quietMs) return;
    this.#log.warn({ code, refused: this.#refused }, 'connections refused');
    this.#loggedAt = now;
    this.#refused = 0;
  }
}
