/**
 * Receipts: per user two watermarks that only rise and never pass the newest message. `read` implies `delivered`.
 * What lies between a mark and the head is what the user has not read.
 */
import type { MarkCommand } from './protocol/commands.js';
import type { Known } from './protocol/decision.js';
import type { ReceiptEvent } from './protocol/events.js';
import type { Message } from './protocol/message.js';
import { canonicalId } from './facts.js';
import { firstSeq } from './recent.js';
import { answer, refuse, type RoomDecision } from './reply.js';
import type { RoomState, Watermarks } from './state.js';

const unmarked: Watermarks = { delivered: 0, read: 0 };

/** Marks that are neither in memory nor in the frame's facts do not exist. */
function marksOf(state: RoomState, userId: string): Watermarks {
  return state.marks?.get(userId) ?? unmarked;
}

export function decideMark(state: RoomState, command: MarkCommand, known: Known | null): RoomDecision {
  const { level, userId } = command;
  const named = namedMessages(state, command.messageIds);
  if (command.messageIds.length > 0 && named.length === 0) return refuse('NOT_FOUND', 'None of the messages exists');
  let reach = command.upTo === null ? 0 : Math.min(command.upTo, state.lastSeq);
  for (const message of named) if (message.seq > reach) reach = message.seq;

  const marks = marksOf(state, userId);
  // It may have been this command, in a frame whose outcome was lost, that raised the mark: then nobody was told.
  const replayed = reach <= marks[level] && known?.resent === true && reach > 0;
  const from = replayed ? Math.min(reach, ...named.map(({ seq }) => seq)) - 1 : marks[level];
  // What is told never falls, whatever the same user has marked since.
  if (replayed) reach = marks[level];
  if (reach <= from) return answer({ kind: 'marked', messageIds: [], from, upTo: from });
  const event: ReceiptEvent = {
    type: 'receipt_advanced',
    durable: true,
    level,
    userId,
    delivered: Math.max(marks.delivered, reach),
    read: level === 'read' ? Math.max(marks.read, reach) : marks.read,
    from,
    upTo: reach,
    messageIds: coveredIds(state, named, userId, from, reach),
    replayed,
  };
  return answer({ kind: 'marked', messageIds: event.messageIds, from, upTo: reach }, [event]);
}

/** The messages of this room among the ids, each once. */
function namedMessages(state: RoomState, given: readonly string[]): Message[] {
  if (given.length === 0) return [];
  const ids = new Set(given.map(canonicalId));
  const named: Message[] = [];
  const guests = state.frame?.guests;
  if (guests !== undefined)
    for (const id of ids) {
      const guest = guests.get(id);
      if (guest !== undefined) named.push(guest);
    }
  for (const message of state.recent) if (ids.has(message.id)) named.push(message);
  return named;
}

/** Others' undeleted messages in (from, upTo] that were named or are in the ring, seq ascending. */
function coveredIds(state: RoomState, named: readonly Message[], userId: string, from: number, upTo: number): string[] {
  const first = firstSeq(state);
  const covered = named.filter((message) => message.seq < first && message.seq > from && countsFor(message, userId));
  covered.sort((a, b) => a.seq - b.seq);
  for (let seq = Math.max(first, from + 1); seq <= upTo; seq++) {
    const message = state.recent[seq - first];
    if (message !== undefined && countsFor(message, userId)) covered.push(message);
  }
  return covered.map((message) => message.id);
}

function countsFor(message: Message, userId: string): boolean {
  return message.deletedAt === null && message.senderId !== userId;
}

export function evolveReceipt(state: RoomState, event: ReceiptEvent): void {
  if (event.replayed) return; // the store had it when this memory was read
  const { userId, delivered, read } = event;
  const before = marksOf(state, userId);
  const marks = (state.marks ??= new Map<string, Watermarks>());
  marks.delete(userId); // so that the least recently changed stays first
  marks.set(userId, { delivered, read });

  const raised = (message: Message): Message | null => {
    const { seq } = message;
    const newlyDelivered = seq > before.delivered && seq <= delivered;
    const newlyRead = seq > before.read && seq <= read;
    if (message.senderId === userId || !(newlyDelivered || newlyRead)) return null;
    return recounted(
      message,
      message.deliveredCount + (newlyDelivered ? 1 : 0),
      message.readCount + (newlyRead ? 1 : 0),
    );
  };
  const first = firstSeq(state);
  const upTo = Math.max(delivered, read);
  for (let seq = Math.max(first, Math.min(before.delivered, before.read) + 1); seq <= upTo; seq++) {
    const message = state.recent[seq - first];
    const changed = message === undefined ? null : raised(message);
    if (changed === null) continue;
    state.recent[seq - first] = changed;
    state.text = null;
  }
  const guests = state.frame?.guests;
  if (guests === undefined) return;
  for (const [id, guest] of guests) {
    const changed = raised(guest);
    if (changed !== null) guests.set(id, changed);
  }
}

/** A copy with other counts. Field by field: one mark may recount a whole ring, and a spread takes ten times as long. */
function recounted(message: Message, deliveredCount: number, readCount: number): Message {
  return {
    key: message.key,
    id: message.id,
    seq: message.seq,
    version: message.version,
    senderId: message.senderId,
    senderName: message.senderName,
    senderDisplayName: message.senderDisplayName,
    receiverId: message.receiverId,
    content: message.content,
    messageType: message.messageType,
    clientMsgId: message.clientMsgId,
    replyTo: message.replyTo,
    metadata: message.metadata,
    createdAt: message.createdAt,
    editedAt: message.editedAt,
    deletedAt: message.deletedAt,
    deliveredCount,
    readCount,
  };
}

/**
 * Others' undeleted messages past the user's read mark. Behind the ring they were counted by the store when the frame
 * began; a mark of the same frame that ended there is concurrent with this count, and the count may be as it was before it.
 */
export function unreadOf(state: RoomState, userId: string): number {
  const { read } = marksOf(state, userId);
  const first = firstSeq(state);
  let unread = 0;
  if (read < first - 1) {
    const behind = state.frame?.unread.get(userId);
    if (behind !== undefined) unread = Math.min(behind.count, first - 1 - read);
  }
  for (let i = Math.max(0, read + 1 - first); i < state.recent.length; i++) {
    const message = state.recent[i];
    if (message !== undefined && countsFor(message, userId)) unread++;
  }
  return unread;
}
