/**
 * Reads IRC logs: `[HH:MM] <nick> text` is a message, `[HH:MM]  * nick text` an action, `=== nick … has joined`,
 * `has left`, `has quit` and `is now known as` are membership. Every line gives exactly one entry, so that nothing is
 * left out unsaid; times become minutes since the first line, over midnight too.
 */

interface Placed {
  /** 1-based line in the log. */
  readonly line: number;
  /** Minutes since the log's first time. */
  readonly minute: number;
}

export type Entry =
  | (Placed & { readonly kind: 'message' | 'action'; readonly nick: string; readonly text: string })
  | (Placed & { readonly kind: 'join' | 'leave'; readonly nick: string })
  | (Placed & { readonly kind: 'rename'; readonly nick: string; readonly to: string })
  /** A mode change, a topic, an empty line: nothing that a chat member says or does here. */
  | (Placed & { readonly kind: 'other' });

const timed = /^\[(\d{2}):(\d{2})\](.*)$/s;
const spoken = /^ <([^>\s]+)> ?(.*)$/s;
const acted = /^ {2}\* (\S+) ?(.*)$/s;
const renamed = /^=== (\S+) is now known as (\S+)$/;
const moved = /^=== (\S+) (?:\[[^\]]*\]|\([^)]*\)) +has (joined|left|quit)\b/;
const modeOrTopic = /^=== (mode\/|#|Topic|\S+ (?:changed the topic|sets mode|set the topic))/;
const acting = /^=== (\S+) (\S.*)$/s;

const dayMinutes = 24 * 60;
/** Lines may be out of order by this much without the clock having turned. */
const tolerance = 60;

/** What a clock has gone on, in minutes, where it shows `back` minutes less than before: old logs have a half-day clock. */
function turned(back: number): number {
  if (back <= tolerance) return 0;
  return back < dayMinutes / 2 ? dayMinutes / 2 : dayMinutes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const latin1 = new TextDecoder('latin1');

/** A line's text: UTF-8, or Latin-1 where its bytes are none (each line by itself, as each came from another client). */
export function decodeLine(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return latin1.decode(bytes);
  }
}

function* linesOf(bytes: Uint8Array): Generator<string> {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(0x0a, start);
    const end = found === -1 ? bytes.length : found;
    yield decodeLine(bytes.subarray(start, end)).replace(/\r$/, '');
    start = end + 1;
  }
}

/** All entries of a log, in its order. */
export function parseLog(bytes: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  let first: number | null = null;
  let turns = 0;
  let last = 0;
  let minute = 0;
  let line = 0;
  for (const text of linesOf(bytes)) {
    line += 1;
    const time = timed.exec(text);
    if (time === null) {
      entries.push({ ...untimed(text), line, minute });
      continue;
    }
    const ofDay = Number(time[1]) * 60 + Number(time[2]);
    if (first === null) first = ofDay;
    else turns += turned(last - ofDay);
    last = ofDay;
    // A line a little out of order does not run time backwards.
    minute = Math.max(minute, ofDay - first + turns);
    entries.push({ ...said(time[3] ?? ''), line, minute });
  }
  return entries;
}

type Bare<E> = E extends Entry ? Omit<E, keyof Placed> : never;

function said(rest: string): Bare<Entry> {
  const message = spoken.exec(rest);
  if (message !== null) return { kind: 'message', nick: message[1] ?? '', text: message[2] ?? '' };
  const action = acted.exec(rest);
  if (action !== null) return { kind: 'action', nick: action[1] ?? '', text: action[2] ?? '' };
  return { kind: 'other' };
}

function untimed(text: string): Bare<Entry> {
  const rename = renamed.exec(text);
  if (rename !== null) return { kind: 'rename', nick: rename[1] ?? '', to: rename[2] ?? '' };
  const move = moved.exec(text);
  if (move !== null) return { kind: move[2] === 'joined' ? 'join' : 'leave', nick: move[1] ?? '' };
  if (modeOrTopic.test(text)) return { kind: 'other' };
  const action = acting.exec(text);
  if (action !== null) return { kind: 'action', nick: action[1] ?? '', text: action[2] ?? '' };
  return { kind: 'other' };
}

/** What is sent for a text: nothing for an empty one, several pieces for one over the limit, whole characters each. */
export function pieces(text: string, limit: number): string[] {
  const clean = text.replaceAll('\0', '');
  if (clean.trim() === '') return [];
  const characters = [...clean];
  const parts: string[] = [];
  for (let start = 0; start < characters.length; start += limit)
    parts.push(characters.slice(start, start + limit).join(''));
  return parts;
}
