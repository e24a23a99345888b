/**
 * Messages of the room streams as text, version 1, and back. What arrives is checked field by field, since a receiver hands
 * packets on to sockets as they are; what does not pass is refused whole, with the reason as data.
 *
 *   {"v":1,"node":…,"partitions":…,"partition":…,"epoch":…,
 *    "bursts":[[key,from,to,[[packet,version,except,at,evict?]…]]…],"heads":[[key,version]…]}
 */
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Burst, PlacedBroadcast } from '../frames.js';
import type { StreamBurst, StreamMessage } from './port.js';

/** Characters of one message. A sender splits below it; what is larger is refused unread. */
export const messageCapacity = 1_048_576;
/** Events of one burst are split over several messages beyond this many characters. */
const burstCapacity = messageCapacity / 4;
/** The longest name of a room, conversation or node. */
const longestName = 4_096;

export type Refusal = 'oversized' | 'malformed' | 'version' | 'partitions';

/** The message, or why it is refused. */
export type Decoded<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly refusal: Refusal };

/** The beginning of every message of a node: whoever hears himself need not read on. */
export function openingOf(node: string): string {
  return `{"v":1,"node":${JSON.stringify(node)},`;
}

/** A burst with the versions that it leads from and to. */
export function placed({ key, events }: Burst): StreamBurst {
  let from = 0;
  let to = 0;
  for (const { version } of events) {
    if (version === null) continue;
    if (to === 0) from = version - 1;
    to = Math.max(to, version);
  }
  return { key, events, from, to };
}

/** Texts of at most `messageCapacity` characters, in order. An event that is larger by itself is left out: its receivers repair. */
export function encodeStream(message: StreamMessage): string[] {
  const { node, partitions, partition, epoch, heads } = message;
  const opening = `${openingOf(node)}"partitions":${partitions},"partition":${partition},"epoch":${epoch},"bursts":`;
  const texts: string[] = [];
  for (const bursts of encodeBursts(message.bursts)) texts.push(`${opening}${bursts},"heads":[]}`);
  for (let i = 0; i < heads.length; i += headsAtOnce)
    texts.push(`${opening}[],"heads":${JSON.stringify(heads.slice(i, i + headsAtOnce))}}`);
  return texts.filter((text) => text.length <= messageCapacity);
}

const headsAtOnce = 1_000;

/** JSON arrays of bursts, each within the capacity. */
export function encodeBursts(bursts: readonly StreamBurst[]): string[] {
  const texts: string[] = [];
  let parts: string[] = [];
  let size = 0;
  const flush = (): void => {
    if (parts.length > 0) texts.push(`[${parts.join(',')}]`);
    parts = [];
    size = 0;
  };
  for (const burst of bursts)
    for (const part of split(burst)) {
      const { key, from, to, events } = placedPart(burst, part);
      const text = JSON.stringify([key, from, to, events.map(tuple)]);
      if (text.length > messageCapacity - headroom) continue;
      if (size + text.length > burstCapacity) flush();
      parts.push(text);
      size += text.length;
    }
  flush();
  return texts;
}

/** Room for all that is not bursts. */
const headroom = 2 * longestName;

function* split({ events }: StreamBurst): Generator<readonly PlacedBroadcast[]> {
  let start = 0;
  let size = 0;
  for (const [index, { packet }] of events.entries()) {
    if (index > start && size + packet.length > burstCapacity / 2) {
      yield events.slice(start, index);
      start = index;
      size = 0;
    }
    size += packet.length;
  }
  yield start === 0 ? events : events.slice(start);
}

function placedPart(burst: StreamBurst, events: readonly PlacedBroadcast[]): StreamBurst {
  return events === burst.events ? burst : placed({ key: burst.key, events });
}

type EventTuple = readonly [string, number | null, string | null, number, (string | null)?];

function tuple({ packet, version, except, at, evict }: PlacedBroadcast): EventTuple {
  return evict === undefined ? [packet, version, except, at] : [packet, version, except, at, evict.userId];
}

export function decodeStream(text: string, partitions: number): Decoded<StreamMessage> {
  const fields = open(text, partitions);
  if (!fields.ok) return fields;
  const { node, partition, epoch, bursts: given, heads: givenHeads } = fields.message;
  const bursts = readBursts(given);
  const heads = readHeads(givenHeads);
  const valid =
    isName(node) && isCount(partition) && partition < partitions && isCount(epoch) && bursts !== null && heads !== null;
  if (!valid) return { ok: false, refusal: 'malformed' };
  return { ok: true, message: { v: 1, partitions, partition, node, epoch, bursts, heads } };
}

/** The fields of a message of this version, from a node with as many partitions; nothing else of them is checked. */
export function open(text: unknown, partitions: number): Decoded<Readonly<Record<string, unknown>>> {
  if (typeof text !== 'string') return { ok: false, refusal: 'malformed' };
  if (text.length > messageCapacity) return { ok: false, refusal: 'oversized' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, refusal: 'malformed' };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { ok: false, refusal: 'malformed' };
  const message = parsed as Readonly<Record<string, unknown>>;
  if (message['v'] !== 1) return { ok: false, refusal: 'version' };
  if (message['partitions'] !== partitions) return { ok: false, refusal: 'partitions' };
  return { ok: true, message };
}

export function readBursts(given: unknown): readonly StreamBurst[] | null {
  return readAll(given, (one) => {
    const [key, from, to, events] = tupleOf(one, 4);
    if (!isName(key) || !isCount(from) || !isCount(to)) return null;
    const read = readAll(events, readEvent);
    return read === null ? null : { key, from, to, events: read };
  });
}

export function readHeads(given: unknown): readonly (readonly [RoomKey, number])[] | null {
  return readAll(given, (one) => {
    const [key, version] = tupleOf(one, 2);
    return isName(key) && isCount(version) ? ([key, version] as const) : null;
  });
}

function readEvent(given: unknown): PlacedBroadcast | null {
  const [packet, version, except, at, evict] = tupleOf(given, 4, 5);
  if (!isPacket(packet) || !isCount(at)) return null;
  if (version !== null && !isCount(version)) return null;
  if (except !== null && !isName(except)) return null;
  if (evict === undefined) return { packet, version, except, at };
  if (version === null || (evict !== null && !isName(evict))) return null;
  return { packet, version, except, at, evict: { userId: evict } };
}

/** The elements of an array of such a length; nothing of anything else. What JSON makes holds no `undefined`. */
export function tupleOf(given: unknown, least: number, most = least): readonly unknown[] {
  if (!Array.isArray(given) || given.length < least || given.length > most) return [];
  return given;
}

/** Every element read, or null when one could not be. */
export function readAll<T>(given: unknown, read: (one: unknown) => T | null): readonly T[] | null {
  if (!Array.isArray(given)) return null;
  const all: T[] = [];
  for (const one of given) {
    const value = read(one);
    if (value === null) return null;
    all.push(value);
  }
  return all;
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestName;
}

/** A whole number from 0 up. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/**
 * The JSON text of an event, as far as it must be: an array that opens with a name. It is not parsed: it was encoded by one of
 * our actors, and a socket that gets nonsense instead of it can harm only itself.
 */
export function isPacket(value: unknown): value is string {
  return typeof value === 'string' && /^\["[a-z_]+"[,\]]/.test(value) && value.endsWith(']') && value.isWellFormed();
}
