/** get_messages: a page of a conversation, as the acknowledgement. */
import { reject } from '../../actors/rejections.js';
import type { Chat } from '../../edge/port.js';
import type { Call } from '../call.js';

export async function getMessages(call: Call, chat: Chat): Promise<void> {
  if (call.ack === null) {
    call.refuse(reject('VALIDATION', 'get_messages needs an acknowledgement callback'));
    return;
  }
  const page = call.take(await chat.history(call.caller, call.input));
  if (page === null) return;
  call.succeed(`{"success":true,${page.slice(1)}`);
}
