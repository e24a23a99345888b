/**
 * One room as it lies in the cache: a header that a script can compare without parsing, and the messages as JSON.
 *
 *   1 <version> [recentMessages,recentBytes,lastSeq,[[id,seq,version,…],…]]
 *
 * Without the JSON it says only that nothing older than the version may be kept: something was erased then. What is read is
 * checked in full, since other programs can write to the same Redis, and messages are spliced into packets as they are.
 */
import { isMessageId, type RoomKey } from '../../actors/protocol/ids.js';
import type { Message } from '../../actors/protocol/message.js';
import type { RoomSnapshot } from '../../actors/protocol/state.js';
import type { CachedRoom } from '../store/port.js';

/** As the actors bound their memory; an entry made under other bounds is not used. */
export interface EntryLimits {
  readonly recentMessages: number;
  /** UTF-16 code units x 2 of content and metadata, as the actors count. */
  readonly recentBytes: number;
}

/** `invalid`: not written by this version of the service. */
export type Decoded = CachedRoom | 'nothing' | 'invalid';

/** Longest entry for the limits, in characters: JSON may take six for one of the content, and ids and names come on top. */
export function longestEntry({ recentMessages, recentBytes }: EntryLimits): number {
  return 3 * recentBytes + 4096 * recentMessages;
}

/** What is kept of an erasure: its version and no content. */
export function marker(version: number): string {
  return `1 ${version} `;
}

/** Null for a room that is not worth an entry: it has no messages, or too long ones. */
export function encode(room: RoomSnapshot, limits: EntryLimits): string | null {
  const recent = bounded(room.recent, limits);
  if (recent.length === 0) return null;
  const body = JSON.stringify([
    limits.recentMessages,
    limits.recentBytes,
    room.lastSeq,
    recent.map((message) => [
      message.id,
      message.seq,
      message.version,
      message.senderId,
      message.senderName,
      message.senderDisplayName,
      message.receiverId,
      message.content,
      message.messageType,
      message.clientMsgId,
      message.replyTo,
      message.metadata,
      message.createdAt,
      message.editedAt,
      message.deletedAt,
    ]),
  ]);
  const text = marker(room.lastVersion) + body;
  return text.length > longestEntry(limits) ? null : text;
}

/** The newest messages within the limits, at least one: exactly those that an actor keeps. */
function bounded(recent: readonly Message[], { recentMessages, recentBytes }: EntryLimits): readonly Message[] {
  let bytes = 0;
  let from = recent.length;
  while (from > 0 && recent.length - from < recentMessages) {
    const message = recent[from - 1];
    if (message !== undefined) bytes += 2 * (message.content.length + (message.metadata?.length ?? 0));
    if (bytes > recentBytes && from < recent.length) break;
    from -= 1;
  }
  return recent.slice(from);
}

const header = /^1 (\d{1,16}) /;

export function decode(text: string, key: RoomKey, limits: EntryLimits): Decoded {
  const found = header.exec(text);
  if (found === null || text.length > longestEntry(limits)) return 'invalid';
  if (found[0].length === text.length) return 'nothing';
  let body: unknown;
  try {
    body = JSON.parse(text.slice(found[0].length));
  } catch {
    return 'invalid';
  }
  if (!Array.isArray(body) || body.length !== 4) return 'invalid';
  const [recentMessages, recentBytes, lastSeq, rows] = body as readonly unknown[];
  if (recentMessages !== limits.recentMessages || recentBytes !== limits.recentBytes) return 'nothing';
  const lastVersion = Number(found[1]);
  if (!isCount(lastSeq) || !Number.isSafeInteger(lastVersion) || !Array.isArray(rows)) return 'invalid';
  if (rows.length === 0 || rows.length > Math.min(limits.recentMessages, lastSeq)) return 'invalid';
  const recent: Message[] = [];
  for (const [i, row] of (rows as readonly unknown[]).entries()) {
    const message = toMessage(key, row);
    if (message === null) return 'invalid';
    if (message.seq !== lastSeq - rows.length + 1 + i || message.version > lastVersion) return 'invalid';
    recent.push(message);
  }
  return { key, lastSeq, lastVersion, recent };
}

/** Null when it is none. */
function toMessage(key: RoomKey, row: unknown): Message | null {
  if (!Array.isArray(row) || row.length !== 15) return null;
  const [id, seq, version, senderId, senderName, senderDisplayName, receiverId, content, messageType] =
    row as readonly unknown[];
  const [clientMsgId, replyTo, metadata, createdAt, editedAt, deletedAt] = (row as readonly unknown[]).slice(9);
  if (typeof id !== 'string' || !isMessageId(id) || !isCount(seq) || !isCount(version)) return null;
  if (typeof senderId !== 'string' || typeof senderName !== 'string') return null;
  if (typeof content !== 'string' || typeof messageType !== 'string') return null;
  if (!isText(senderDisplayName) || !isText(receiverId) || !isText(clientMsgId)) return null;
  if (!isText(replyTo) || (replyTo !== null && !isMessageId(replyTo))) return null;
  if (!isText(metadata) || (metadata !== null && !isObject(metadata))) return null;
  if (!isTime(createdAt) || (editedAt !== null && !isTime(editedAt))) return null;
  if (deletedAt !== null && (!isTime(deletedAt) || content !== '' || metadata !== null)) return null;
  return {
    key,
    id,
    seq,
    version,
    senderId,
    senderName,
    senderDisplayName,
    receiverId,
    content,
    messageType,
    clientMsgId,
    replyTo,
    metadata,
    createdAt,
    editedAt,
    deletedAt,
    deliveredCount: 0,
    readCount: 0,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Within what a Date can hold. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 8_640_000_000_000_000;
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

/** Whether a text is JSON of an object. */
function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
