/** Read and delivery marks: one command per conversation that the ids name, and what they newly covered. */
import type { MarkCommand } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { encodeMessage, type Message } from '../actors/protocol/message.js';
import type { ReadStore } from '../runtime/store/port.js';
import type { Rooms } from '../runtime/rooms.js';
import type { Admission } from './admission.js';
import type { InputLimits } from './input/fields.js';
import { readMark, type MarkRequest } from './input/requests.js';
import type { Covered, Identity, RateLimiter, Result } from './port.js';
import type { Reading } from './reading.js';
import { absent, refusal, refuse } from './refusals.js';
import type { Whereabouts } from './whereabouts.js';

export interface ReceiptParts {
  readonly limits: InputLimits;
  readonly requests: RateLimiter;
  readonly rooms: Rooms;
  readonly reads: ReadStore;
  readonly reading: Reading;
  readonly admission: Admission;
  readonly whereabouts: Whereabouts;
  readonly newId: () => string;
}

type Level = MarkCommand['level'];
type Target = Pick<MarkCommand, 'key' | 'messageIds' | 'upTo'>;

/** Reads of one request at a time: one caller does not take the pool from the others. */
const readsAtOnce = 4;

/** Most messages listed per conversation; what a receipt covered beyond them is still covered. */
const listed = 1_000;

export class Receipts {
  readonly #parts: ReceiptParts;

  constructor(parts: ReceiptParts) {
    this.#parts = parts;
  }

  async mark(caller: Identity, level: Level, input: unknown): Promise<Result<readonly Covered[]>> {
    const waiting = this.#spend(caller, 1);
    if (waiting !== null) return waiting;
    const request = readMark(input, this.#parts.limits);
    if (!request.ok) return request;
    const targets = await this.#targets(request.value);
    if (!targets.ok) return targets;
    const rooms = targets.value.length;
    // Each room costs as much as if it were asked for by itself.
    const waitingFor = rooms > 1 ? this.#spend(caller, rooms - 1) : null;
    if (waitingFor !== null) return waitingFor;
    const visible = await this.#visible(caller, targets.value);
    if (!visible.ok) return visible;
    return this.#apply(caller, level, visible.value);
  }

  async markAndList(caller: Identity, level: Level, input: unknown): Promise<Result<string>> {
    const marked = await this.mark(caller, level, input);
    if (!marked.ok) return marked;
    const texts: string[] = [];
    for (let first = 0; first < marked.value.length; first += readsAtOnce) {
      const some = marked.value.slice(first, first + readsAtOnce);
      for (const covered of await Promise.all(some.map((one) => this.#listed(caller, one)))) {
        if (!covered.ok) return covered;
        for (const message of covered.value) texts.push(encodeMessage(message));
      }
    }
    return { ok: true, value: `[${texts.join(',')}]` };
  }

  #listed({ userId }: Identity, { key, body }: Covered): Promise<Result<readonly Message[]>> {
    const { reads, reading } = this.#parts;
    const { from, upTo } = readRange(body);
    if (from >= upTo) return Promise.resolve({ ok: true, value: [] });
    return reading.run('covered', () => reads.covered(key, userId, from, upTo, listed));
  }

  #spend({ userId }: Identity, requests: number): Result<never> | null {
    const wait = this.#parts.requests.take(userId, requests);
    return wait > 0 ? refuse('RATE_LIMITED', undefined, wait) : null;
  }

  /** With a room named, that room alone; a message of another one is as if absent there. */
  async #targets({ key, messageIds, upTo }: MarkRequest): Promise<Result<readonly Target[]>> {
    if (upTo === null && messageIds.length === 0) return refusal(absent.message);
    if (key !== null) return { ok: true, value: [{ key, messageIds, upTo }] };
    const found = await this.#parts.reading.run('locate', () => this.#parts.whereabouts.find(messageIds));
    if (!found.ok) return found;
    return { ok: true, value: [...found.value].map(([where, ids]) => ({ key: where, messageIds: ids, upTo: null })) };
  }

  async #visible(caller: Identity, targets: readonly Target[]): Promise<Result<readonly Target[]>> {
    const verdicts = await Promise.all(targets.map(({ key }) => this.#parts.admission.verdict(caller.userId, key)));
    // Nothing was marked yet, so the whole request can be repeated.
    if (verdicts.includes('unknown')) return refuse('UNAVAILABLE');
    const visible = targets.filter((_, index) => verdicts[index] === 'yes');
    return visible.length > 0 ? { ok: true, value: visible } : refusal(absent.message);
  }

  /** Marks only grow, so a request of which a part failed can be repeated as a whole. */
  async #apply(caller: Identity, level: Level, targets: readonly Target[]): Promise<Result<readonly Covered[]>> {
    const { rooms, newId } = this.#parts;
    const outcomes = await Promise.all(
      targets.map((target) => rooms.ask({ kind: 'mark', id: newId(), level, userId: caller.userId, ...target })),
    );
    const covered: Covered[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const key: RoomKey | undefined = targets[index]?.key;
      if (key === undefined) continue;
      if (outcome.ok) covered.push({ key, body: outcome.answer.body });
      else if (outcome.rejection.code !== 'NOT_FOUND') return refusal(outcome.rejection);
    }
    return covered.length > 0 ? { ok: true, value: covered } : refusal(absent.message);
  }
}

/** The range in the room's own answer, see `actors/protocol/replies.ts`. */
function readRange(body: string): { readonly from: number; readonly upTo: number } {
  const { from, upTo } = JSON.parse(body) as { readonly from: number; readonly upTo: number };
  return { from, upTo };
}
