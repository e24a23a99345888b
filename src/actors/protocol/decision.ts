/** What an actor says to a command, and what the runtime may tell it of the command beforehand. */
import type { Rejection } from '../rejections.js';
import type { RoomEvent } from './events.js';
import type { Message } from './message.js';

/** What the store already knows of a command: `stored` is the message with its id or its client_msg_id. */
export interface Known {
  /** A message with the command's own client_msg_id (the original of a retry), or with the command's own id. */
  readonly stored: Message | null;
  /** The command was in a frame whose outcome was lost: what is found applied must still be broadcast. */
  readonly resent: boolean;
}

export type Decision<Reply> =
  | { readonly ok: true; readonly events: readonly RoomEvent[]; readonly reply: Reply }
  | { readonly ok: false; readonly rejection: Rejection };
