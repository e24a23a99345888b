/** What lies behind a room's memory: which of it a command needs from the store, and keeping it for the frame. */
import type { Command, SendCommand } from './protocol/commands.js';
import { isMessageId } from './protocol/ids.js';
import type { ActorLimits } from './protocol/limits.js';
import type { Message } from './protocol/message.js';
import type { Facts, Need } from './protocol/state.js';
import { find, firstSeq } from './recent.js';
import { supplyRemovals } from './removals.js';
import type { FrameMemory, RoomState } from './state.js';

const nothing: readonly Need[] = [];

/** Asked for every command before any command of the frame is decided. */
export function needs(state: RoomState, command: Command, limits: ActorLimits): readonly Need[] {
  // Of a room that nobody wrote to, the store has nothing that memory has not.
  if (state.lastVersion === 0) return nothing;
  switch (command.kind) {
    case 'send': {
      const list = command.replyTo === null ? nothing : needsOfReply(state, command, command.replyTo);
      return needsRemovals(state, limits) ? [...list, removalsOf(limits)] : list;
    }
    case 'edit':
    case 'delete':
      return needMessage(state, command.messageId);
    case 'mark': {
      const ids = behindRing(state, command.messageIds);
      const list: Need[] = ids.map((id) => ({ need: 'message', id }));
      // No unread count is wanted here: below 0 there is nothing to count.
      if (state.marks?.get(command.userId) === undefined)
        list.push({ need: 'marks', userId: command.userId, below: 0 });
      return list;
    }
    case 'join': {
      const below = firstSeq(state);
      const list: Need[] = [];
      const marks = state.marks?.get(command.userId);
      if (marks === undefined || marks.read < below - 1) list.push({ need: 'marks', userId: command.userId, below });
      const { since } = command;
      if (needsRemovals(state, limits)) list.push(removalsOf(limits));
      if (since !== null && since < state.floor) list.push({ need: 'changes', since, limit: limits.catchUpMessages });
      return list;
    }
    case 'leave':
    case 'typing':
    case 'stop_typing':
    case 'typing_users':
    case 'announce':
    case 'page':
    case 'forget':
    case 'tick':
      return nothing;
    case 'evict':
      // It is among them when it was sent again after it had committed.
      return [removalsOf(limits)];
  }
}

/** Of removals before this memory began it knows nothing until the store was asked, once. */
function needsRemovals({ removals }: RoomState, { removalsKept }: ActorLimits): boolean {
  return removalsKept > 0 && removals?.read !== true;
}

function removalsOf({ removalsKept }: ActorLimits): Need {
  return { need: 'removals', limit: removalsKept + 1 };
}

/** Ids of other letter case name the same message: the store compares UUIDs, not texts. */
export function canonicalId(id: string): string {
  return id.toLowerCase();
}

function needMessage(state: RoomState, given: string): readonly Need[] {
  if (!isMessageId(given)) return nothing;
  const id = canonicalId(given);
  return find(state, id) === null ? [{ need: 'message', id }] : nothing;
}

/**
 * A retry must get its original's answer even when the message replied to was deleted since, so a reply is refused only
 * when there is no original: other sends learn of theirs when they are inserted, this one is never inserted.
 */
function needsOfReply(state: RoomState, { id, senderId, clientMsgId }: SendCommand, replyTo: string): readonly Need[] {
  const target = find(state, canonicalId(replyTo));
  if (target !== null && target.deletedAt === null) return nothing;
  const message = target === null ? needMessage(state, replyTo) : nothing;
  return clientMsgId === null ? message : [...message, { need: 'sent', id, senderId, clientMsgId }];
}

function behindRing(state: RoomState, given: readonly string[]): string[] {
  if (given.length === 0) return [];
  const ids = new Set<string>();
  for (const id of given) if (isMessageId(id)) ids.add(canonicalId(id));
  for (const message of state.recent) ids.delete(message.id);
  return [...ids];
}

export function supply(state: RoomState, facts: Facts, limits: ActorLimits): void {
  const frame = (state.frame ??= { guests: new Map(), unread: new Map(), changesSince: Infinity, removals: null });
  if (facts.removals !== undefined) {
    frame.removals = facts.removals;
    supplyRemovals(state, facts.removals, limits);
  }
  for (const message of facts.messages) admit(state, frame, message);
  for (const { since, messages } of facts.changes) {
    if (messages === null) continue;
    for (const message of messages) admit(state, frame, message);
    if (since < frame.changesSince) frame.changesSince = since;
  }
  const below = firstSeq(state);
  for (const fact of facts.marks) {
    // Both are committed, and marks only rise.
    const known = state.marks?.get(fact.userId);
    const read = Math.max(fact.read, known?.read ?? 0);
    const delivered = Math.max(fact.delivered, known?.delivered ?? 0, read);
    (state.marks ??= new Map()).set(fact.userId, { delivered, read });
    if (fact.below === below) frame.unread.set(fact.userId, { read: fact.read, count: fact.unreadBelow });
  }
}

/** Messages of the ring are known already; messages of other rooms are as if absent. */
function admit(state: RoomState, frame: FrameMemory, message: Message): void {
  if (message.key === state.key && message.seq < firstSeq(state)) frame.guests.set(message.id, message);
}
