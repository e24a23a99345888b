/** typing, stop_typing, get_typing_users. */
import type { Chat } from '../../edge/port.js';
import type { Call } from '../call.js';
import { eventText, withFields } from '../packets.js';

const success = '{"success":true}';

export function typing(call: Call, chat: Chat): void {
  chat.typing(call.caller, call.input, (result) => {
    if (call.take(result) !== null) call.succeed(success);
  });
}

export function stopTyping(call: Call, chat: Chat): void {
  chat.stopTyping(call.caller, call.input, (result) => {
    if (call.take(result) !== null) call.succeed(success);
  });
}

/** Answers by the acknowledgement; a client that asks for none gets the event `typing_users`. */
export function typingUsers(call: Call, chat: Chat): void {
  chat.typingUsers(call.caller, call.input, (result) => {
    const done = call.take(result);
    if (done === null) return;
    if (call.ack === null) call.session.push(eventText('typing_users', done.body));
    call.succeed(withFields('"success":true', done.body));
  });
}
