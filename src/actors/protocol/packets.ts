/** What sockets are told of a message, as the text of a Socket.IO event. Whoever tells it, actor or repair, tells the same bytes. */
import { roomIdOf } from './ids.js';
import { encodeMessage, type Message } from './message.js';

export type MessageChange = 'message_created' | 'message_edited' | 'message_deleted';

/** The JSON text of an event: `["new_message",{…}]`. */
export function packetText(event: string, data: string): string {
  return `["${event}",${data}]`;
}

/** @param text of the message, where it is encoded already */
export function messagePacket(change: MessageChange, message: Message, text?: string): string {
  switch (change) {
    case 'message_created':
      return packetText('new_message', text ?? encodeMessage(message));
    case 'message_edited':
      return packetText('message_edited', text ?? encodeMessage(message));
    case 'message_deleted':
      return packetText('message_deleted', JSON.stringify(deletion(message)));
  }
}

/** What a deleted message leaves behind. */
export function deletion(message: Message): object {
  return { messageId: message.id, roomId: roomIdOf(message.key), seq: message.seq, version: message.version };
}
