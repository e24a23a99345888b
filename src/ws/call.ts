/**
 * One event of a client from its arrival to its one answer: an acknowledgement where the client asked for one; else only
 * refusals are told, as the event `error`.
 */
import { reject, type Rejection } from '../actors/rejections.js';
import type { Identity, Result } from '../edge/port.js';
import { countRefusal, type EdgeMetrics } from './metrics.js';
import { ackText, refusedBody } from './packets.js';
import type { Session } from './session.js';

export class Call {
  readonly session: Session;
  readonly caller: Identity;
  readonly event: string;
  /** Unchecked, but a plain JSON object. */
  readonly input: object;
  /** The id under which the client awaits an acknowledgement, or null. */
  readonly ack: number | null;
  readonly #metrics: EdgeMetrics;
  #answered = false;

  constructor(
    session: Session,
    caller: Identity,
    event: string,
    input: object,
    ack: number | null,
    metrics: EdgeMetrics,
  ) {
    this.session = session;
    this.caller = caller;
    this.event = event;
    this.input = input;
    this.ack = ack;
    this.#metrics = metrics;
    session.unanswered += 1;
  }

  /** @param body JSON text of the acknowledgement */
  succeed(body: string): void {
    if (!this.#settle()) return;
    this.#metrics.acks += 1;
    if (this.ack !== null) this.session.push(ackText(this.ack, body));
  }

  refuse(rejection: Rejection, retryAfterMs?: number): void {
    if (!this.#settle()) return;
    refuse(this.session, this.event, this.ack, this.#metrics, rejection, retryAfterMs);
  }

  /** The value of a result; a refusal is answered, and null returned. */
  take<T>(result: Result<T>): T | null {
    if (result.ok) return result.value;
    this.refuse(result.rejection, result.retryAfterMs);
    return null;
  }

  /** A throw is a bug: the caller is told no more than that. */
  fail(): void {
    this.refuse(reject('INTERNAL'));
  }

  #settle(): boolean {
    if (this.#answered) return false;
    this.#answered = true;
    this.session.unanswered -= 1;
    return !this.session.closed;
  }
}

/** Answers an event with a refusal. */
export function refuse(
  session: Session,
  event: string,
  ack: number | null,
  metrics: EdgeMetrics,
  rejection: Rejection,
  retryAfterMs?: number,
): void {
  countRefusal(metrics, rejection.code);
  if (ack === null) session.error(rejection, event);
  else session.push(ackText(ack, refusedBody(rejection, retryAfterMs)));
}
