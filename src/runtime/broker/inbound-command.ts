/** What other services may tell by the queue, and how a message of theirs is read. Nothing of it is trusted to have a shape. */
import { isPrintableId, type RoomKey } from '../../actors/protocol/ids.js';

export type InboundCommand =
  | {
      readonly kind: 'mark';
      readonly level: 'delivered' | 'read';
      /** Null: wherever the messages are. */
      readonly key: RoomKey | null;
      readonly userId: string;
      readonly messageIds: readonly string[];
    }
  | { readonly kind: 'delete'; readonly key: RoomKey | null; readonly userId: string; readonly messageId: string }
  /** `userId` null: the room is deleted. */
  | { readonly kind: 'evict'; readonly key: RoomKey; readonly userId: string | null };

export type Reading =
  { readonly ok: true; readonly command: InboundCommand } | { readonly ok: false; readonly reason: string };

export interface InboundLimits {
  readonly idMaxLength: number;
  readonly messageIdsMax: number;
  /** Bytes of a message. */
  readonly bodyMaxBytes: number;
}

const prefix = 'message.broadcast.';

/** @returns why it is no command; without any of its content */
export function readInbound(routingKey: string, content: Uint8Array, limits: InboundLimits): Reading {
  if (content.byteLength > limits.bodyMaxBytes) return poison('oversized');
  const body = parse(content);
  if (body === null) return poison('not a JSON object');
  const kind = routingKey.startsWith(prefix) ? routingKey.slice(prefix.length) : '';
  const id = (name: string): string | null => idOf(body[name], limits.idMaxLength);
  const absent = (name: string): boolean => body[name] === undefined || body[name] === null;
  const roomId = id('roomId');
  const userId = id('userId');
  if (roomId === null && !absent('roomId')) return poison('roomId is no id');
  if (userId === null && !absent('userId')) return poison('userId is no id');
  switch (kind) {
    case 'delivered':
    case 'read': {
      if (userId === null) return poison('userId is missing');
      const messageIds = idsOf(body['messageIds'], limits);
      if (messageIds === null) return poison('messageIds are no ids');
      return { ok: true, command: { kind: 'mark', level: kind, key: roomId, userId, messageIds } };
    }
    case 'deleted': {
      const messageId = id('messageId');
      if (messageId === null) return poison('messageId is no id');
      if (userId === null) return poison('userId is missing');
      return { ok: true, command: { kind: 'delete', key: roomId, userId, messageId } };
    }
    case 'member_removed':
      if (roomId === null || userId === null) return poison('roomId or userId is missing');
      return { ok: true, command: { kind: 'evict', key: roomId, userId } };
    case 'room_deleted':
      if (roomId === null) return poison('roomId is missing');
      return { ok: true, command: { kind: 'evict', key: roomId, userId: null } };
    default:
      return poison('unknown routing key');
  }
}

function poison(reason: string): Reading {
  return { ok: false, reason };
}

function parse(content: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Other services have numbers for ids here and there; they are the same ids as in the tokens. */
function idOf(value: unknown, maxLength: number): string | null {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && isPrintableId(text, maxLength) ? text : null;
}

function idsOf(value: unknown, limits: InboundLimits): string[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.messageIdsMax) return null;
  const ids: string[] = [];
  for (const each of value as readonly unknown[]) {
    const id = idOf(each, limits.idMaxLength);
    if (id === null) return null;
    ids.push(id);
  }
  return ids;
}
