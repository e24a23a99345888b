/** send_message, edit_message, delete_message. What everybody hears of them comes with the frame's broadcasts. */
import type { Chat } from '../../edge/port.js';
import type { Call } from '../call.js';
import { withFields } from '../packets.js';

export function sendMessage(call: Call, chat: Chat): void {
  chat.send(call.caller, call.input, (result) => {
    const done = call.take(result);
    if (done !== null) call.succeed(`{"success":true,"message":${done.body}}`);
  });
}

export function editMessage(call: Call, chat: Chat): void {
  chat.edit(call.caller, call.input, (result) => {
    const done = call.take(result);
    if (done !== null) call.succeed(`{"success":true,"message":${done.body}}`);
  });
}

export function deleteMessage(call: Call, chat: Chat): void {
  chat.remove(call.caller, call.input, (result) => {
    const done = call.take(result);
    if (done !== null) call.succeed(withFields('"success":true', done.body));
  });
}
