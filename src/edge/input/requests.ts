/** What each request consists of. The raw input comes in, a checked request or a VALIDATION refusal goes out. */
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { PageAnchor, PageQuery } from '../../actors/protocol/pages.js';
import type { Result } from '../port.js';
import { Fields, type InputLimits, type Place } from './fields.js';

export interface SendRequest extends Place {
  readonly content: string;
  readonly messageType: string;
  readonly clientMsgId: string | null;
  readonly replyTo: string | null;
  readonly metadata: string | null;
}

export function readSend(input: unknown, userId: string, limits: InputLimits): Result<SendRequest> {
  const fields = new Fields(input, limits);
  const place = fields.requiredPlace(userId, 'receiver_id', 'receiverId');
  return fields.done({
    key: place.key,
    receiverId: place.receiverId,
    content: fields.content('text'),
    messageType: fields.messageType(),
    clientMsgId: fields.id('client_msg_id', 'clientMsgId'),
    replyTo: fields.replyTo(),
    metadata: fields.metadata(),
  });
}

/** A message that is to change. */
export interface TargetRequest {
  /** Null when the text given can name no message. */
  readonly messageId: string | null;
  /** Null: wherever the message is. */
  readonly key: RoomKey | null;
}

export function readRemove(input: unknown, limits: InputLimits): Result<TargetRequest> {
  const fields = new Fields(input, limits);
  return fields.done({ messageId: fields.messageId(), key: fields.id('roomId', 'room_id') });
}

export interface EditRequest extends TargetRequest {
  readonly content: string;
}

export function readEdit(input: unknown, limits: InputLimits): Result<EditRequest> {
  const fields = new Fields(input, limits);
  return fields.done({
    messageId: fields.messageId(),
    key: fields.id('roomId', 'room_id'),
    content: fields.content('text'),
  });
}

export function readRoom(input: unknown, limits: InputLimits): Result<RoomKey> {
  const fields = new Fields(input, limits);
  return fields.done(fields.requiredId('roomId', 'room_id'));
}

export interface JoinRequest {
  readonly key: RoomKey;
  readonly since: number | null;
}

export function readJoin(input: unknown, limits: InputLimits): Result<JoinRequest> {
  const fields = new Fields(input, limits);
  return fields.done({
    key: fields.requiredId('roomId', 'room_id'),
    since: fields.integer('since', 0, Number.MAX_SAFE_INTEGER),
  });
}

export interface MarkRequest {
  /** Null: wherever the messages are. */
  readonly key: RoomKey | null;
  /** Only those that can name a message; may be empty. */
  readonly messageIds: readonly string[];
  readonly upTo: number | null;
}

export function readMark(input: unknown, limits: InputLimits): Result<MarkRequest> {
  const fields = new Fields(input, limits);
  const key = fields.id('roomId', 'room_id');
  const messageIds = fields.messageIds();
  const upTo = fields.integer('upTo', 1, Number.MAX_SAFE_INTEGER);
  if (messageIds === null && upTo === null) fields.fail('messageIds is required');
  else if (messageIds !== null && upTo !== null) fields.fail('Only one of messageIds and upTo may be given');
  else if (upTo !== null && key === null) fields.fail('upTo needs a roomId');
  return fields.done({ key, messageIds: messageIds ?? [], upTo });
}

export interface HistoryRequest {
  readonly key: RoomKey;
  readonly query: PageQuery;
}

const defaultPage = 50;
const largestPage = 200;

export function readHistory(input: unknown, userId: string, limits: InputLimits): Result<HistoryRequest> {
  const fields = new Fields(input, limits);
  const place = fields.requiredPlace(userId, 'userId', 'user_id');
  const limit = fields.integer('limit', 1, largestPage) ?? defaultPage;
  let from: PageAnchor | null = null;
  for (const by of ['offset', 'before', 'after', 'around'] as const) {
    // `before` and `after` name places between messages, so they may lie outside of them.
    const value = fields.integer(by, 0, Number.MAX_SAFE_INTEGER);
    if (value === null) continue;
    if (from !== null) fields.fail('Only one of offset, before, after and around may be given');
    from = by === 'offset' ? { by, offset: value } : { by, seq: value };
  }
  return fields.done({ key: place.key, query: { limit, from: from ?? { by: 'offset', offset: 0 } } });
}

export interface ChangesRequest {
  readonly key: RoomKey;
  readonly since: number;
}

export function readChanges(input: unknown, userId: string, limits: InputLimits): Result<ChangesRequest> {
  const fields = new Fields(input, limits);
  const { key } = fields.requiredPlace(userId, 'userId', 'user_id');
  return fields.done({ key, since: fields.integer('since', 0, Number.MAX_SAFE_INTEGER) ?? 0 });
}

export function readConversation(input: unknown, userId: string, limits: InputLimits): Result<RoomKey> {
  const fields = new Fields(input, limits);
  return fields.done(fields.requiredPlace(userId, 'userId', 'user_id').key);
}
