/** What a decision answers, before it is encoded. Its JSON forms are told in `protocol/replies.ts`. */
import type { RoomEvent } from './protocol/events.js';
import type { Decision } from './protocol/decision.js';
import type { Message } from './protocol/message.js';
import type { PageQuery } from './protocol/pages.js';
import type { CatchUp } from './catch-up.js';
import { reject, type RejectionCode } from './rejections.js';

export type RoomReply =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'deleted'; readonly message: Message }
  | { readonly kind: 'marked'; readonly messageIds: readonly string[]; readonly from: number; readonly upTo: number }
  | { readonly kind: 'joined'; readonly catchUp: CatchUp; readonly unread: number }
  /** Null: not in memory. */
  | { readonly kind: 'page'; readonly query: PageQuery; readonly messages: readonly Message[] | null }
  | { readonly kind: 'left' }
  | { readonly kind: 'typing_users'; readonly userIds: readonly string[] }
  | { readonly kind: 'done' };

export type RoomDecision = Decision<RoomReply>;

export const noEvents: readonly RoomEvent[] = [];

export const done: RoomReply = { kind: 'done' };

export function answer(reply: RoomReply, events: readonly RoomEvent[] = noEvents): RoomDecision {
  return { ok: true, events, reply };
}

export function refuse(code: RejectionCode, message?: string): RoomDecision {
  return { ok: false, rejection: reject(code, message) };
}
