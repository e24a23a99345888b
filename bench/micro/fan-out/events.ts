/** What is fanned out: events whose packet is of one length, so that a reader finds their number without parsing. */

/** Bytes of an event as a WebSocket payload. */
const eventBytes = 320;
/** Numbers have nine digits, from the first to the last. */
export const firstNumber = 100_000_000;
/** How an event begins on the wire, up to its number. */
export const head = '42["new_message",{"seq":';
export const digits = 9;

export interface Event {
  readonly seq: number;
  readonly room_id: string;
  readonly content: string;
}

const bare = `${head}${firstNumber},"room_id":"bench-room","content":""}]`;
const content = 'the quick brown fox jumps over the lazy dog '.repeat(10).slice(0, eventBytes - bare.length);

/** @param number 0, 1, 2, … */
export function eventOf(number: number): Event {
  return { seq: firstNumber + number, room_id: 'bench-room', content };
}

/** The JSON text of a Socket.IO event, as the service's worker makes it. */
export function packetOf(number: number): string {
  return `["new_message",{"seq":${firstNumber + number},"room_id":"bench-room","content":"${content}"}]`;
}
