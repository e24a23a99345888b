/** Messages: giving each its place, changing and erasing them, and recognising what was done already. */
import type { DeleteCommand, EditCommand, SendCommand } from './protocol/commands.js';
import type { Known } from './protocol/decision.js';
import type { MessageEvent, RoomEvent } from './protocol/events.js';
import type { Message } from './protocol/message.js';
import { canonicalId } from './facts.js';
import { append, find, findSent, findSentGuest, firstSeq, replace } from './recent.js';
import { refuseRemoved } from './removals.js';
import { answer, refuse, type RoomDecision } from './reply.js';
import type { RoomState } from './state.js';
import { stopOf } from './typing.js';

export function decideSend(state: RoomState, command: SendCommand, now: number, known: Known | null): RoomDecision {
  const stored = known === null ? null : known.stored;
  if (stored !== null) {
    const message = current(state, stored);
    if (stored.id !== command.id || known?.resent !== true) return answer({ kind: 'message', message });
    return sent(state, { type: 'message_created', durable: true, message, replayed: true }, now);
  }
  const { senderId, clientMsgId } = command;
  const refusal = refuseRemoved(state, senderId, command.admitted);
  if (refusal !== null) return refusal;
  const original = clientMsgId === null ? null : findSent(state, senderId, clientMsgId);
  if (original !== null) return answer({ kind: 'message', message: original });

  const replyTo = command.replyTo === null ? null : canonicalId(command.replyTo);
  if (replyTo !== null) {
    const target = find(state, replyTo);
    if (target === null || target.deletedAt !== null) {
      const guest = clientMsgId === null ? null : findSentGuest(state, senderId, clientMsgId);
      if (guest !== null) return answer({ kind: 'message', message: guest });
      // Deleted within this frame, so concurrently: the store was not asked whether this is a retry, but will tell.
      const concurrent = target !== null && target.version > state.settledVersion && clientMsgId !== null;
      if (!concurrent) return refuse('NOT_FOUND', 'The message replied to does not exist');
    }
  }
  const newest = state.recent[state.recent.length - 1];
  const message: Message = {
    key: state.key,
    id: command.id,
    seq: state.lastSeq + 1,
    version: state.lastVersion + 1,
    senderId,
    senderName: command.senderName,
    senderDisplayName: command.senderDisplayName,
    receiverId: command.receiverId,
    content: command.content,
    messageType: command.messageType,
    clientMsgId,
    replyTo,
    metadata: command.metadata,
    // The clock may step back; the order of a room's messages by time never contradicts their seq.
    createdAt: newest !== undefined && newest.createdAt > now ? newest.createdAt : now,
    editedAt: null,
    deletedAt: null,
    deliveredCount: 0,
    readCount: 0,
  };
  return sent(state, { type: 'message_created', durable: true, message, replayed: false }, now);
}

/** A message ends its sender's typing; the others hear of the message first. */
function sent(state: RoomState, created: MessageEvent, now: number): RoomDecision {
  const { message } = created;
  const stop = stopOf(state, message.senderId, now);
  const events: readonly RoomEvent[] = stop === null ? [created] : [created, stop];
  return answer({ kind: 'message', message }, events);
}

export function decideEdit(state: RoomState, command: EditCommand, now: number, known: Known | null): RoomDecision {
  const message = find(state, canonicalId(command.messageId));
  if (message === null || message.deletedAt !== null) return refuse('NOT_FOUND', absent);
  if (message.senderId !== command.userId) return refuse('FORBIDDEN', 'Only the sender may edit a message');
  if (message.content === command.content) {
    if (known?.resent !== true) return answer({ kind: 'message', message });
    return answer({ kind: 'message', message }, [{ type: 'message_edited', durable: true, message, replayed: true }]);
  }
  const edited: Message = {
    ...message,
    version: state.lastVersion + 1,
    content: command.content,
    editedAt: Math.max(now, message.createdAt, message.editedAt ?? 0),
  };
  const event: RoomEvent = { type: 'message_edited', durable: true, message: edited, replayed: false };
  return answer({ kind: 'message', message: edited }, [event]);
}

export function decideDelete(state: RoomState, command: DeleteCommand, now: number, known: Known | null): RoomDecision {
  const message = find(state, canonicalId(command.messageId));
  if (message === null) return refuse('NOT_FOUND', absent);
  if (message.senderId !== command.userId) return refuse('FORBIDDEN', 'Only the sender may delete a message');
  if (message.deletedAt !== null) {
    if (known?.resent !== true) return answer({ kind: 'deleted', message });
    return answer({ kind: 'deleted', message }, [{ type: 'message_deleted', durable: true, message, replayed: true }]);
  }
  const tombstone: Message = {
    ...message,
    version: state.lastVersion + 1,
    content: '',
    metadata: null,
    deletedAt: Math.max(now, message.createdAt, message.editedAt ?? 0),
  };
  const event: RoomEvent = { type: 'message_deleted', durable: true, message: tombstone, replayed: false };
  return answer({ kind: 'deleted', message: tombstone }, [event]);
}

const absent = 'The message does not exist';

/** @throws Error when a new change does not take the next place of the room: a bug, which must not reach the store */
export function evolveMessage(state: RoomState, event: MessageEvent): void {
  const { message } = event;
  if (event.replayed) {
    // The store had it when this memory was read, so memory has it or had it; it takes no place a second time.
    if (message.seq <= state.lastSeq) replace(state, message);
    return;
  }
  if (message.version !== state.lastVersion + 1) throw new Error('a change must take the next version');
  if (event.type === 'message_created') {
    if (message.seq !== state.lastSeq + 1) throw new Error('a message must take the next seq');
    append(state, message);
  } else {
    replace(state, message);
    if (event.type === 'message_deleted') forgetUnread(state, message);
  }
  state.lastVersion = message.version;
}

/** A deleted message behind the ring is unread by nobody any more. */
function forgetUnread(state: RoomState, message: Message): void {
  if (state.frame === null || message.seq >= firstSeq(state)) return;
  for (const [userId, { read, count }] of state.frame.unread)
    if (userId !== message.senderId && message.seq > read) state.frame.unread.set(userId, { read, count: count - 1 });
}

/** A stored message as it is now: an earlier command of the frame may have changed it since the store was asked. */
function current(state: RoomState, stored: Message): Message {
  const held = find(state, stored.id);
  return held !== null && held.version >= stored.version ? held : stored;
}
