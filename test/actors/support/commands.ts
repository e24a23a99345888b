/** Short ways to write commands, with ids that are told apart easily. */
import type {
  Command,
  DeleteCommand,
  EditCommand,
  JoinCommand,
  LeaveCommand,
  MarkCommand,
  SendCommand,
} from '../../../src/actors/protocol/commands.js';
import type { ActorLimits } from '../../../src/actors/protocol/limits.js';

export const room = 'lobby';

export const limits: ActorLimits = {
  recentMessages: 4,
  recentBytes: 1_000_000,
  typingTtlMs: 5_000,
  typingQuietMs: 2_000,
  typingUsers: 3,
  marksKept: 2,
  removalsKept: 0,
  catchUpMessages: 6,
};

let made = 0;

/** A new id with the shape of a UUID v7. */
export function newId(): string {
  return uuid(++made);
}

export function uuid(n: number): string {
  return `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function send(senderId: string, content: string, more: Partial<SendCommand> = {}): SendCommand {
  return {
    kind: 'send',
    key: room,
    id: newId(),
    senderId,
    senderName: senderId,
    senderDisplayName: null,
    receiverId: null,
    content,
    messageType: 'text',
    clientMsgId: null,
    replyTo: null,
    metadata: null,
    ...more,
  };
}

export function edit(userId: string, messageId: string, content: string): EditCommand {
  return { kind: 'edit', key: room, id: newId(), userId, messageId, content };
}

export function remove(userId: string, messageId: string): DeleteCommand {
  return { kind: 'delete', key: room, id: newId(), userId, messageId };
}

export function mark(
  level: 'read' | 'delivered',
  userId: string,
  messageIds: readonly string[],
  upTo: number | null = null,
): MarkCommand {
  return { kind: 'mark', key: room, id: newId(), level, userId, messageIds, upTo };
}

export function join(userId: string, socketId = `${userId}-1`, since: number | null = null): JoinCommand {
  return { kind: 'join', key: room, id: newId(), userId, socketId, since };
}

export function leave(userId: string, socketId = `${userId}-1`): LeaveCommand {
  return { kind: 'leave', key: room, id: newId(), userId, socketId };
}

export function typing(userId: string): Command {
  return { kind: 'typing', key: room, id: newId(), userId };
}

export function stopTyping(userId: string): Command {
  return { kind: 'stop_typing', key: room, id: newId(), userId };
}

export function typingUsers(): Command {
  return { kind: 'typing_users', key: room, id: newId() };
}

export function announce(occupants: readonly (readonly [string, string])[]): Command {
  return { kind: 'announce', key: room, id: newId(), occupants };
}

export function tick(): Command {
  return { kind: 'tick', key: room, id: newId() };
}
