/** Pages of a conversation and unread counts: reads of what is committed, after the caller's access is known. */
import { encodeMessage } from '../actors/protocol/message.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Page, PageQuery, ReadStore } from '../runtime/store/port.js';
import type { Admission } from './admission.js';
import type { InputLimits } from './input/fields.js';
import { readConversation, readHistory } from './input/requests.js';
import type { HistoryPage, Identity, RateLimiter, Result } from './port.js';
import type { Reading } from './reading.js';
import { absent, refusal, refuse } from './refusals.js';

export interface HistoryParts {
  readonly limits: InputLimits;
  readonly requests: RateLimiter;
  readonly reads: ReadStore;
  readonly reading: Reading;
  readonly admission: Admission;
}

export class History {
  readonly #parts: HistoryParts;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  async page(caller: Identity, input: unknown): Promise<Result<HistoryPage>> {
    const waiting = this.#spend(caller);
    if (waiting !== null) return waiting;
    const request = readHistory(input, caller.userId, this.#parts.limits);
    if (!request.ok) return request;
    const { key, query } = request.value;
    const page = await this.#read(caller, key, 'page', (reads) => reads.page(key, query));
    return page.ok ? { ok: true, value: describePage(page.value, query) } : page;
  }

  async unread(caller: Identity, input: unknown): Promise<Result<number>> {
    const waiting = this.#spend(caller);
    if (waiting !== null) return waiting;
    const key = readConversation(input, caller.userId, this.#parts.limits);
    if (!key.ok) return key;
    return this.#read(caller, key.value, 'unread', (reads) => reads.unread(key.value, caller.userId));
  }

  /** Input that is not valid costs a request as well. */
  #spend({ userId }: Identity): Result<never> | null {
    const wait = this.#parts.requests.take(userId);
    return wait > 0 ? refuse('RATE_LIMITED', undefined, wait) : null;
  }

  async #read<T>(
    caller: Identity,
    key: RoomKey,
    kind: string,
    read: (reads: ReadStore) => Promise<T>,
  ): Promise<Result<T>> {
    const { reads, reading, admission } = this.#parts;
    const verdict = await admission.verdict(caller.userId, key);
    if (verdict !== 'yes') return verdict === 'no' ? refusal(absent.room) : refuse('UNAVAILABLE');
    return reading.run(kind, () => read(reads));
  }
}

function describePage({ messages, total }: Page, { limit, from }: PageQuery): HistoryPage {
  return {
    data: `[${messages.map(encodeMessage).join(',')}]`,
    limit,
    offset: from.by === 'offset' ? from.offset : null,
    total,
    ...neighbours(messages[0]?.seq, messages.at(-1)?.seq, total, from),
  };
}

/** Seqs are 1..total without a gap, so the ends of a page tell whether there is more on either side. */
function neighbours(
  first: number | undefined,
  last: number | undefined,
  total: number,
  from: PageQuery['from'],
): { readonly next: number | null; readonly prev: number | null } {
  if (first !== undefined && last !== undefined) {
    return { next: first > 1 ? first : null, prev: last < total ? last : null };
  }
  if (total === 0) return { next: null, prev: null };
  // An empty page lies beyond one end of the room: beyond the newest message, or before the oldest.
  return from.by === 'after' ? { next: total + 1, prev: null } : { next: null, prev: 0 };
}
