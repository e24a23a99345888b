/** The rooms that are read: made by bench/sql/history-fill.sql, so what must come back follows from a room's name. */

/** Messages per page, and those that a join brings. */
export const pageSize = 50;

/** Many rooms that nobody is in. */
export const cold = { prefix: 'cold-room-', messages: 50 } as const;
/** One room with a long past. */
export const long = { prefix: 'long-room-', key: 'long-room-0' } as const;

/** The reader `i` as a user; the first has read everything, so that its joins have nothing to count. */
export function userOf(i: number): string {
  return `bench-reader-${i}`;
}

export interface HistorySizes {
  readonly coldRooms: number;
  /** Messages of the long room. */
  readonly longMessages: number;
}

/** The message objects of an answer, oldest first, are exactly those up to `last`. @returns what is wrong, or null */
export function wrongPage(messages: unknown, room: string, last: number): string | null {
  if (!Array.isArray(messages) || messages.length !== pageSize) return `${room}: not a page of ${pageSize}`;
  for (const [i, message] of messages.entries()) {
    const seq = last - pageSize + 1 + i;
    const { seq: got, room_id: of, content } = message as Record<string, unknown>;
    if (got !== seq || of !== room || typeof content !== 'string' || !content.startsWith(`${room} ${seq} the quick `))
      return `${room}: ${JSON.stringify(message)} at the place of seq ${seq}`;
  }
  return null;
}
