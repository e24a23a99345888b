/**
 * The texts that nodes send each other, version 1. Whoever can write to the transport can write anything, so a text is
 * believed in nothing before it was checked here; what fails is named by one of a few reasons, and dropped.
 *
 * Every message carries a number that grows with every message of its sender: whatever comes twice, or after a later one, is
 * known by it. A message that would be too large travels in parts with numbers of their own.
 */
import type { Command } from '../../actors/protocol/commands.js';
import type { LaneOutcome } from '../frames.js';
import type { NodeId } from './port.js';
import { isCommand, isCount, isLaneOutcome, isListOf, isName, isObject, isText, type Guard } from './shapes.js';

/** A command and under which epoch its partition is believed to be held by the receiver. */
export type CommandItem = readonly [epoch: number, resent: boolean, command: Command];
/** An outcome, by the number of the message and the place in it of its command. */
export type ReplyItem = readonly [request: number, place: number, outcome: LaneOutcome];

interface Header {
  readonly from: NodeId;
  readonly number: number;
}
export type BusMessage = Header &
  (
    | { readonly kind: 'commands'; readonly items: readonly CommandItem[] }
    | { readonly kind: 'replies'; readonly items: readonly ReplyItem[] }
    /** A piece of the text of a larger message. */
    | { readonly kind: 'part'; readonly items: readonly [index: number, of: number, text: string] }
  );

export type Kind = BusMessage['kind'];
export type DropReason = 'oversized' | 'malformed' | 'version' | 'partitions' | 'late';
export type Decoded =
  { readonly ok: true; readonly message: BusMessage } | { readonly ok: false; readonly reason: DropReason };

const version = 1;
/** Bytes of UTF-8; a larger text is not even parsed. */
export const messageMaxBytes = 1_048_576;
/** UTF-16 units of items in one message: three bytes each at worst, so that the text stays within `messageMaxBytes`. */
export const messageMaxUnits = 262_144;
/** UTF-16 units in a part: quoting it once more makes no unit longer than three bytes either. */
export const partUnits = messageMaxUnits;
/** Parts of one message; over it, it cannot be sent. */
export const partsMax = 64;

const isCommandItem: Guard<CommandItem> = (value): value is CommandItem =>
  Array.isArray(value) &&
  value.length === 3 &&
  isCount(value[0]) &&
  typeof value[1] === 'boolean' &&
  isCommand(value[2]);
const isReplyItem: Guard<ReplyItem> = (value): value is ReplyItem =>
  Array.isArray(value) && value.length === 3 && isCount(value[0]) && isCount(value[1]) && isLaneOutcome(value[2]);

/** For one node of a deployment with so many partitions. */
export class Codec {
  readonly #partitions: number;
  readonly #head: string;

  constructor(node: NodeId, partitions: number) {
    this.#partitions = partitions;
    this.#head = `{"v":${version},"partitions":${partitions},"from":${JSON.stringify(node)},"number":`;
  }

  /** @param items JSON texts */
  encode(kind: Kind, number: number, items: readonly string[]): string {
    return `${this.#head}${number},"kind":"${kind}","items":[${items.join(',')}]}`;
  }

  decode(text: string): Decoded {
    if (text.length > messageMaxBytes || (text.length > messageMaxUnits && Buffer.byteLength(text) > messageMaxBytes))
      return { ok: false, reason: 'oversized' };
    return this.decodeWhole(text);
  }

  /** A text that was put together from parts, each of which was checked for its size. */
  decodeWhole(text: string): Decoded {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { ok: false, reason: 'malformed' };
    }
    if (!isObject(value)) return { ok: false, reason: 'malformed' };
    if (value['v'] !== version) return { ok: false, reason: 'version' };
    if (value['partitions'] !== this.#partitions) return { ok: false, reason: 'partitions' };
    const { from, number, kind, items } = value;
    if (!isName(from) || !isCount(number)) return { ok: false, reason: 'malformed' };
    if (kind === 'commands' && isListOf(items, isCommandItem))
      return { ok: true, message: { from, number, kind, items } };
    if (kind === 'replies' && isListOf(items, isReplyItem)) return { ok: true, message: { from, number, kind, items } };
    if (kind === 'part' && isPart(items)) return { ok: true, message: { from, number, kind, items } };
    return { ok: false, reason: 'malformed' };
  }
}

function isPart(items: unknown): items is readonly [index: number, of: number, text: string] {
  if (!Array.isArray(items) || items.length !== 3) return false;
  const [index, of, text] = items as readonly unknown[];
  return isCount(index) && isCount(of) && index < of && of <= partsMax && isText(text);
}
