/**
 * Pages of a conversation and unread counts: reads of what is committed, after the caller's access is known. A page comes out
 * of the room's memory where this node has it, else from the store; equal pages that are asked for at once are read once.
 */
import type { RoomKey } from '../actors/protocol/ids.js';
import { encodePage, type PageQuery } from '../actors/protocol/pages.js';
import type { Rooms } from '../runtime/rooms.js';
import type { ReadStore } from '../runtime/store/port.js';
import type { Admission } from './admission.js';
import type { InputLimits } from './input/fields.js';
import { readConversation, readHistory } from './input/requests.js';
import type { ChatCounts, Identity, RateLimiter, Result } from './port.js';
import type { Reading } from './reading.js';
import { absent, refusal, refuse } from './refusals.js';
import { SharedReads } from './shared-reads.js';

export interface HistoryParts {
  readonly limits: InputLimits;
  /** Messages that a room's memory holds at most. */
  readonly recentMessages: number;
  readonly requests: RateLimiter;
  readonly rooms: Pick<Rooms, 'page'>;
  readonly reads: ReadStore;
  readonly reading: Reading;
  readonly admission: Admission;
  readonly newId: () => string;
}

/** Rooms asked for a page at once: what they answer may be large. Over it the store is asked. */
const roomsAtOnce = 128;

/** Different pages read at once, and callers that wait for pages. */
const pagesAtOnce = { things: 1_000, callers: 10_000 };

export class History {
  readonly #parts: HistoryParts;
  readonly #pages = new SharedReads<Result<string>>(pagesAtOnce);
  #asking = 0;
  #memory = 0;
  #store = 0;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  get counts(): ChatCounts['pages'] {
    return { memory: this.#memory, store: this.#store, shared: this.#pages.shared };
  }

  /** JSON text of `{ data, pagination }`. */
  async page(caller: Identity, input: unknown): Promise<Result<string>> {
    const waiting = this.#spend(caller);
    if (waiting !== null) return waiting;
    const request = readHistory(input, caller.userId, this.#parts.limits);
    if (!request.ok) return request;
    const { key, query } = request.value;
    const refused = await this.#refused(caller, key);
    if (refused !== null) return refused;
    const page = await this.#pages.read(nameOf(key, query), () => this.#read(key, query));
    return page ?? refuse('OVERLOADED');
  }

  async unread(caller: Identity, input: unknown): Promise<Result<number>> {
    const waiting = this.#spend(caller);
    if (waiting !== null) return waiting;
    const key = readConversation(input, caller.userId, this.#parts.limits);
    if (!key.ok) return key;
    const { reads, reading } = this.#parts;
    const refused = await this.#refused(caller, key.value);
    return refused ?? reading.run('unread', () => reads.unread(key.value, caller.userId));
  }

  /** Input that is not valid costs a request as well. */
  #spend({ userId }: Identity): Result<never> | null {
    const wait = this.#parts.requests.take(userId);
    return wait > 0 ? refuse('RATE_LIMITED', undefined, wait) : null;
  }

  async #refused(caller: Identity, key: RoomKey): Promise<Result<never> | null> {
    const verdict = await this.#parts.admission.verdict(caller.userId, key);
    if (verdict === 'yes') return null;
    return verdict === 'no' ? refusal(absent.room) : refuse('UNAVAILABLE');
  }

  async #read(key: RoomKey, query: PageQuery): Promise<Result<string>> {
    const { reads, reading } = this.#parts;
    const known = await this.#fromMemory(key, query);
    if (known !== null) {
      this.#memory += 1;
      return { ok: true, value: known };
    }
    this.#store += 1;
    const page = await reading.run('page', () => reads.page(key, query));
    if (!page.ok) return page;
    const { messages, total } = page.value;
    return { ok: true, value: encodePage(query, messages, total) };
  }

  async #fromMemory(key: RoomKey, query: PageQuery): Promise<string | null> {
    const { rooms, newId, recentMessages } = this.#parts;
    const { from } = query;
    const behind = from.by === 'offset' && from.offset >= recentMessages;
    if (behind || this.#asking >= roomsAtOnce) return null;
    this.#asking += 1;
    try {
      return await rooms.page({ kind: 'page', key, id: newId(), query });
    } finally {
      this.#asking -= 1;
    }
  }
}

/** Ids have no control characters, and a key that has some starts with one. */
function nameOf(key: RoomKey, { limit, from }: PageQuery): string {
  return `${key}\u0000${limit} ${from.by} ${from.by === 'offset' ? from.offset : from.seq}`;
}
