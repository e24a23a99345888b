/**
 * Pages of a conversation: which messages one is made of, and its one encoding for clients. Whoever answers, the room's actor
 * from memory or an edge from the store, answers the same bytes.
 */
import { encodeMessage, type Message } from './message.js';

/** Where a page lies: `offset` counts from the newest message, the others are a seq (exclusive but `around`). */
export type PageAnchor =
  | { readonly by: 'offset'; readonly offset: number }
  | { readonly by: 'before' | 'after' | 'around'; readonly seq: number };

export interface PageQuery {
  readonly limit: number;
  readonly from: PageAnchor;
}

/** The seqs lo..hi, both within 1..lastSeq; lo > hi when there are none. */
export interface PageRange {
  readonly lo: number;
  readonly hi: number;
}

/** Seqs are gapless, so every page is a range of them. `sql/queries/page.sql` says the same to the database. */
export function pageRange({ limit, from }: PageQuery, lastSeq: number): PageRange {
  const hi = upperEdge(limit, from, lastSeq);
  return { lo: Math.max(1, hi - limit + 1), hi: Math.min(hi, lastSeq) };
}

function upperEdge(limit: number, from: PageAnchor, lastSeq: number): number {
  switch (from.by) {
    case 'offset':
      return lastSeq - from.offset;
    case 'before':
      return Math.min(from.seq - 1, lastSeq);
    case 'after':
      return from.seq + limit;
    case 'around':
      return Math.max(Math.min(from.seq + ((limit - 1) >> 1), lastSeq), limit);
  }
}

/**
 * The JSON text of `{ data, pagination }`.
 * @param messages of the page, oldest first
 * @param total the room's true count: its last seq
 * @param data JSON text of the array of them, where it is encoded already
 */
export function encodePage(
  { limit, from }: PageQuery,
  messages: readonly Message[],
  total: number,
  data: string = encodeMessages(messages),
): string {
  const { next, prev } = neighbours(messages[0]?.seq, messages.at(-1)?.seq, total, from);
  const offset = from.by === 'offset' ? from.offset : null;
  return `{"data":${data},"pagination":${JSON.stringify({ limit, offset, total, next, prev })}}`;
}

/** The JSON text of an array of message objects. */
export function encodeMessages(messages: readonly Message[]): string {
  return `[${messages.map(encodeMessage).join(',')}]`;
}

/** Seqs are 1..total without a gap, so the ends of a page tell whether there is more on either side. */
function neighbours(
  first: number | undefined,
  last: number | undefined,
  total: number,
  from: PageAnchor,
): { readonly next: number | null; readonly prev: number | null } {
  if (first !== undefined && last !== undefined) {
    return { next: first > 1 ? first : null, prev: last < total ? last : null };
  }
  if (total === 0) return { next: null, prev: null };
  // An empty page lies beyond one end of the room: beyond the newest message, or before the oldest.
  return from.by === 'after' ? { next: total + 1, prev: null } : { next: null, prev: 0 };
}
