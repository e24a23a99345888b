/**
 * Reads fields of raw client input, one rule per kind of field; what a request consists of is said in `requests.ts`.
 *
 * Written by hand, not with a schema library, because sends pass here at the full rate of the service. A reader notes the first problem and goes on with
 * empty values, so a request reads as a list of its fields and asks once at the end whether all was well.
 */
import { directKey, isMessageId, isPrintableId, type RoomKey } from '../../actors/protocol/ids.js';
import type { Config } from '../../config.js';
import type { Result } from '../port.js';
import { invalid } from '../refusals.js';
import { metadataText } from './metadata.js';

export type InputLimits = Pick<
  Config,
  'contentMaxLength' | 'idMaxLength' | 'metadataMaxBytes' | 'metadataMaxDepth' | 'messageIdsMax'
>;

/** Where something is meant to happen; `receiverId` is set for a direct conversation. */
export interface Place {
  readonly key: RoomKey;
  readonly receiverId: string | null;
}

const nothing: Readonly<Record<string, unknown>> = Object.freeze({});

export class Fields {
  readonly #input: Readonly<Record<string, unknown>>;
  readonly #limits: InputLimits;
  #problem: string | null = null;

  constructor(input: unknown, limits: InputLimits) {
    this.#limits = limits;
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
      this.#input = input as Readonly<Record<string, unknown>>;
    } else {
      this.#input = nothing;
      this.#problem = 'The data must be an object';
    }
  }

  /** The value, unless a field had a problem: then the first of them. */
  done<T>(value: T): Result<T> {
    return this.#problem === null ? { ok: true, value } : invalid(this.#problem);
  }

  fail(problem: string): void {
    this.#problem ??= problem;
  }

  /** 1..contentMaxLength characters, counted as Unicode code points so that an emoji is one. */
  content(alias?: string): string {
    const value = this.#take('content', alias);
    const max = this.#limits.contentMaxLength;
    if (typeof value !== 'string' || value.length === 0 || !fits(value, max)) {
      this.fail(`content must be 1 to ${max} characters`);
      return '';
    }
    if (!value.isWellFormed() || value.includes('\0')) {
      this.fail('content must be well-formed Unicode without NUL');
      return '';
    }
    return value;
  }

  /** An id of a user, room or client message; null when absent. */
  id(name: string, alias?: string): string | null {
    const value = this.#take(name, alias);
    if (value === undefined) return null;
    if (typeof value !== 'string' || !isPrintableId(value, this.#limits.idMaxLength)) {
      this.fail(`${name} must be a string of 1 to ${this.#limits.idMaxLength} printable characters`);
      return null;
    }
    return value;
  }

  requiredId(name: string, alias?: string): string {
    const value = this.id(name, alias);
    if (value === null) this.fail(`${name} is required`);
    return value ?? '';
  }

  /** The id of a message in its one spelling; null for a text that can name none. Anything but a text is a problem. */
  messageId(): string | null {
    const value = this.#take('messageId', 'message_id');
    if (typeof value === 'string') return isMessageId(value) ? value.toLowerCase() : null;
    this.fail('messageId must be a string');
    return null;
  }

  /** A reference that must at least have the shape of a message id; null when absent. */
  replyTo(): string | null {
    const value = this.#take('reply_to', 'replyTo');
    if (value === undefined) return null;
    if (typeof value !== 'string' || !isMessageId(value)) {
      this.fail('reply_to must be the id of a message');
      return null;
    }
    return value.toLowerCase();
  }

  /** Those of 1..messageIdsMax texts that can name a message, each once; null when the field is absent. */
  messageIds(): readonly string[] | null {
    const value = this.#take('messageIds', 'message_ids');
    if (value === undefined) return null;
    const max = this.#limits.messageIdsMax;
    if (!Array.isArray(value) || value.length === 0 || value.length > max) {
      this.fail(`messageIds must be an array of 1 to ${max} ids`);
      return null;
    }
    const ids = new Set<string>();
    for (const id of value as readonly unknown[]) {
      if (typeof id !== 'string') {
        this.fail('messageIds must be strings');
        return null;
      }
      if (isMessageId(id)) ids.add(id.toLowerCase());
    }
    return [...ids];
  }

  messageType(): string {
    const value = this.#take('message_type', 'messageType');
    if (value === undefined) return 'text';
    if (typeof value !== 'string' || !/^[\w.-]{1,50}$/.test(value)) {
      this.fail('message_type must be 1 to 50 letters, digits, _, . or -');
      return '';
    }
    return value;
  }

  /** JSON text of an object; null when absent. */
  metadata(): string | null {
    const value = this.#take('metadata');
    if (value === undefined) return null;
    const result = metadataText(value, this.#limits.metadataMaxBytes, this.#limits.metadataMaxDepth);
    if (result.ok) return result.text;
    this.fail(result.problem);
    return null;
  }

  /** A whole number; null when absent. */
  integer(name: string, min: number, max: number): number | null {
    const value = this.#take(name);
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      this.fail(
        `${name} must be a whole number of at least ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`}`,
      );
      return null;
    }
    return value;
  }

  /** A room or the conversation with a user, if either is named; both at once are a problem. */
  place(userId: string, otherName: string, otherAlias?: string): Place | null {
    const roomId = this.id('room_id', 'roomId');
    const otherId = this.id(otherName, otherAlias);
    if (roomId !== null && otherId !== null) {
      this.fail(`Only one of room_id and ${otherName} may be given`);
      return null;
    }
    if (roomId !== null) return { key: roomId, receiverId: null };
    return otherId === null ? null : { key: directKey(userId, otherId), receiverId: otherId };
  }

  requiredPlace(userId: string, otherName: string, otherAlias?: string): Place {
    const place = this.place(userId, otherName, otherAlias);
    if (place === null) this.fail(`One of room_id and ${otherName} is required`);
    return place ?? { key: '', receiverId: null };
  }

  /** Null counts as absent: clients send back objects in which the empty fields are null. */
  #take(name: string, alias?: string): unknown {
    return this.#input[name] ?? (alias === undefined ? undefined : this.#input[alias]) ?? undefined;
  }
}

/** Whether a text has at most `max` code points; almost every text is decided by its length alone. */
function fits(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let points = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // The second half of a pair belongs to the character before it.
    if (unit < 0xdc00 || unit > 0xdfff) points += 1;
  }
  return points <= max;
}
