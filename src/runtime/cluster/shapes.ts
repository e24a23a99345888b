/**
 * The shapes of what other nodes send, checked field by field: a command that passes here is as sound as one made by our
 * own edge. Adding a kind of command, or a field, does not compile until it is said here how it is checked.
 */
import type { Command } from '../../actors/protocol/commands.js';
import type { ResyncReason } from '../../actors/protocol/replies.js';
import { rejections } from '../../actors/rejections.js';
import type { LaneOutcome } from '../frames.js';

export type Guard<T> = (value: unknown) => value is T;
export type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const isText: Guard<string> = (value): value is string => typeof value === 'string';
/** Ids and keys; how long they may be is bounded by the message. */
export const isName: Guard<string> = (value): value is string => typeof value === 'string' && value.length > 0;
export const isCount: Guard<number> = (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isTextOrNull: Guard<string | null> = (value) => value === null || typeof value === 'string';
const isNameOrNull: Guard<string | null> = (value) => value === null || isName(value);
const isCountOrNull: Guard<number | null> = (value) => value === null || isCount(value);
const isCountOrAbsent: Guard<number | undefined> = (value) => value === undefined || isCount(value);
const isLevel: Guard<'read' | 'delivered'> = (value) => value === 'read' || value === 'delivered';

export function isListOf<T>(value: unknown, guard: Guard<T>): value is readonly T[] {
  return Array.isArray(value) && value.every(guard);
}

const isNames: Guard<readonly string[]> = (value) => isListOf(value, isName);
const isPair: Guard<readonly [string, string]> = (value): value is readonly [string, string] =>
  isNames(value) && value.length === 2;
const isPairs: Guard<readonly (readonly [string, string])[]> = (value) => isListOf(value, isPair);

/** How every field beside `kind`, `key` and `id` is checked. */
type Checks<C> = { readonly [F in Exclude<keyof C, 'kind' | 'key' | 'id'>]-?: Guard<C[F]> };
type Of<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;
/** Commands that never travel: those that the shard gives itself, and reads of memory. */
type Internal = 'tick' | 'forget' | 'page';
type Travelling = Exclude<Command['kind'], Internal>;

const user = { userId: isName };
const commands: { readonly [K in Travelling]: Checks<Of<K>> } = {
  send: {
    senderId: isName,
    senderName: isText,
    senderDisplayName: isTextOrNull,
    receiverId: isNameOrNull,
    content: isText,
    messageType: isText,
    clientMsgId: isTextOrNull,
    replyTo: isNameOrNull,
    metadata: isTextOrNull,
    admitted: isCountOrAbsent,
  },
  edit: { ...user, messageId: isName, content: isText },
  delete: { ...user, messageId: isName },
  mark: { ...user, level: isLevel, messageIds: isNames, upTo: isCountOrNull },
  join: { ...user, socketId: isName, since: isCountOrNull, admitted: isCountOrAbsent },
  leave: { ...user, socketId: isName },
  typing: user,
  stop_typing: user,
  typing_users: {},
  announce: { occupants: isPairs },
  evict: { userId: isNameOrNull },
};

const checks = new Map<string, readonly (readonly [field: string, guard: Guard<unknown>])[]>(
  Object.entries(commands).map(([kind, fields]) => [kind, Object.entries(fields)]),
);

export const isCommand: Guard<Command> = (value): value is Command => {
  if (!isObject(value) || !isName(value['key']) || !isName(value['id']) || !isName(value['kind'])) return false;
  return checks.get(value['kind'])?.every(([field, guard]) => guard(value[field])) ?? false;
};

const resyncReasons: ReadonlySet<unknown> = new Set<ResyncReason | null>([
  null,
  'too_many_changes',
  'unknown_version',
  'gap',
  'slow_consumer',
]);

export const isLaneOutcome: Guard<LaneOutcome> = (value): value is LaneOutcome => {
  if (!isObject(value)) return false;
  const { ok, moved, answer, rejection } = value;
  if (ok === true) return isObject(answer) && isText(answer['body']) && resyncReasons.has(answer['resync']);
  if (ok !== false) return false;
  if (moved === true) return true;
  return (
    isObject(rejection) &&
    isName(rejection['code']) &&
    Object.hasOwn(rejections, rejection['code']) &&
    isText(rejection['message']) &&
    isCountOrAbsent(rejection['removal'])
  );
};
