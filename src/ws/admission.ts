/**
 * Who may connect at all, decided before any handshake and at the price of three comparisons: not over MAX_SOCKETS, not over
 * HANDSHAKES_MAX at a time (a storm of reconnects is served in turn), not while draining. The answer is 503 with Retry-After,
 * after which client libraries come again by themselves; it is logged at most once per `quietMs`, with how many there were.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { reject, type RejectionCode } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { EdgeMetrics } from './metrics.js';
import { refuseRequest } from './refused-requests.js';

const quietMs = 10_000;
const retryAfterSeconds = 1;

export interface AdmissionBounds {
  readonly maxSockets: number;
  /** Connections at once that have not finished their handshake. */
  readonly handshakesMax: number;
}

export class Admission {
  readonly #bounds: AdmissionBounds;
  readonly #connected: () => number;
  readonly #admitted: () => number;
  readonly #metrics: EdgeMetrics;
  readonly #log: Log;
  #draining = false;
  #refused = 0;
  #loggedAt = -Infinity;

  /**
   * @param connected how many connections there are
   * @param admitted how many of them have finished their handshake
   */
  constructor(
    bounds: AdmissionBounds,
    connected: () => number,
    admitted: () => number,
    metrics: EdgeMetrics,
    log: Log,
  ) {
    this.#bounds = bounds;
    this.#connected = connected;
    this.#admitted = admitted;
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
    refuseRequest(req, res, 503, reject(code), { 'retry-after': String(retryAfterSeconds) });
  };

  #refusal(req: IncomingMessage): RejectionCode | null {
    const { maxSockets, handshakesMax } = this.#bounds;
    const connected = this.#connected();
    if (!this.#draining && connected < maxSockets && connected - this.#admitted() < handshakesMax) return null;
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
