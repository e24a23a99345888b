/** Another node as the bus sees it: what is on its way there, and what came from it. */
import type { Command } from '../../actors/protocol/commands.js';
import type { LaneOutcome } from '../frames.js';
import { Assembly } from './parts.js';
import type { BusReply } from './port.js';

/** A command and whom to tell its outcome. */
export interface Sending {
  readonly epoch: number;
  readonly command: Command;
  readonly resent: boolean;
  readonly replyTo: BusReply;
}

interface Request {
  /** Null once answered. */
  readonly items: (Sending | null)[];
  open: number;
  readonly sentAt: number;
}

export class Peer {
  /** Number of the last message received. */
  received = 0;
  /** When that was, ms, monotonic. */
  heardAt = -Infinity;
  readonly assembly = new Assembly();
  /** By message number, oldest first. */
  readonly #requests = new Map<number, Request>();
  #waiting: Sending[] = [];
  /** JSON texts of reply items for the next message. */
  #replies: string[] = [];
  #outstanding = 0;

  /** Commands that wait or are on their way. */
  get outstanding(): number {
    return this.#outstanding;
  }

  add(sending: Sending): void {
    this.#outstanding += 1;
    this.#waiting.push(sending);
  }

  /** @param item JSON text */
  addReply(item: string): void {
    this.#replies.push(item);
  }

  /** What waits for the next message; from now on nothing does. */
  take(): { readonly waiting: readonly Sending[]; readonly replies: readonly string[] } {
    const taken = { waiting: this.#waiting, replies: this.#replies };
    this.#waiting = [];
    this.#replies = [];
    return taken;
  }

  /** These are on their way as the message of that number. */
  sent(number: number, items: readonly Sending[], sentAt: number): void {
    this.#requests.set(number, { items: [...items], open: items.length, sentAt });
  }

  /** These could not be sent at all. */
  refuse(items: readonly Sending[], outcome: LaneOutcome): void {
    this.#outstanding -= items.length;
    for (const { replyTo } of items) replyTo(outcome);
  }

  answer(number: number, place: number, outcome: LaneOutcome): void {
    const request = this.#requests.get(number);
    const item = request?.items[place];
    // Given back already, or answered already.
    if (request === undefined || item === undefined || item === null) return;
    request.items[place] = null;
    request.open -= 1;
    if (request.open === 0) this.#requests.delete(number);
    this.#outstanding -= 1;
    item.replyTo(outcome);
  }

  /**
   * Gives back as unanswered what was sent until then (ms, monotonic); with Infinity also what still waits.
   * @returns how many
   */
  giveUp(until: number): number {
    const lost: Sending[] = [];
    for (const [number, { items, sentAt }] of this.#requests) {
      if (sentAt > until) break;
      this.#requests.delete(number);
      for (const item of items) if (item !== null) lost.push(item);
    }
    if (until === Infinity) lost.push(...this.#waiting.splice(0));
    this.#outstanding -= lost.length;
    for (const { replyTo } of lost) replyTo(null);
    return lost.length;
  }
}
