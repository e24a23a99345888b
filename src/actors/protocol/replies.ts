/** What a room answers to a command, encoded once in the worker so that the edge only splices it into an ack or a response. */

/**
 * | command | `body` (JSON text) |
 * |---|---|
 * | send, edit | the message object |
 * | delete | `{ messageId, roomId, seq, version }` |
 * | mark | `{ roomId, messageIds, from, upTo }`: newly covered are others' messages with from < seq <= upTo |
 * | join | `{ roomId, messages, success: true, seq, version, unread }` |
 * | leave | `{ roomId, success: true }` |
 * | page | `{ data, pagination }`, see `pages.ts`; `null` when it is not in memory |
 * | typing_users | `{ roomId, typingUsers }` |
 * | typing, stop_typing, announce, evict, tick | `{}` |
 *
 * `roomId` is null in a direct conversation.
 */
export interface Answer {
  readonly body: string;
  /** Only for a join whose `since` could not be served: `messages` are then the recent ones, and a hole may lie before them. */
  readonly resync: ResyncReason | null;
}

/**
 * `too_many_changes`: more changed than a join may bring; the client streams the changes since its version (GET …/changes) and joins
 * with the version at their end. `unknown_version`: the version lies beyond the room's own.
 * `gap`: an event was missed on the way. `slow_consumer`: the socket did not read fast enough and is closed.
 */
export type ResyncReason = 'too_many_changes' | 'unknown_version' | 'gap' | 'slow_consumer';
