/**
 * From a row of the outbox to what other services get. Ids are made of what does not change (room, seq or version, kind), so
 * an event that is sent twice can be recognised.
 */
import { directUsers, isDirect, roomIdOf, type RoomKey } from '../../actors/protocol/ids.js';
import { encodeMessage, type Message } from '../../actors/protocol/message.js';
import type { OutboxRow } from '../store/port.js';

/** A row as it is read back. */
export interface OutboxEntry extends OutboxRow {
  /** Rises within the partition. */
  readonly position: number;
  /** Milliseconds since 1970. */
  readonly happenedAt: number;
}

export interface IntegrationEvent {
  readonly routingKey: string;
  readonly eventId: string;
  /** JSON text. */
  readonly body: string;
}

/**
 * The events of a row, in order.
 * @param messages those of the row's seqs as they are now, ascending; what was erased since has no content any more
 */
export function eventsOf(entry: OutboxEntry, messages: readonly Message[]): IntegrationEvent[] {
  const timestamp = new Date(entry.happenedAt).toISOString();
  const room = encodeURIComponent(entry.key);
  const make = (routingKey: string, id: string, rest: string): IntegrationEvent => {
    const eventId = `${room}:${id}`;
    return {
      routingKey,
      eventId,
      body: `{"eventId":${JSON.stringify(eventId)},"timestamp":"${timestamp}",${rest}}`,
    };
  };
  switch (entry.kind) {
    case 'created':
      return messages.flatMap((message) => {
        const text = encodeMessage(message);
        const key = isDirect(entry.key) ? 'message.direct.sent' : 'message.room.sent';
        const sent = make(key, `${message.seq}:sent`, `"message":${text}`);
        // Nobody is to be notified of what is gone already.
        if (message.deletedAt !== null) return [sent];
        const whom = `"roomId":${roomJson(entry.key)},"senderId":${JSON.stringify(message.senderId)},"recipients":${recipients(entry.key, message)}`;
        return [sent, make('notification.message.new', `${message.seq}:notification`, `${whom},"message":${text}`)];
      });
    case 'edited':
      return messages.map((message) =>
        make('message.edited', `${entry.version}:edited`, `"message":${encodeMessage(message)}`),
      );
    case 'deleted':
      return messages.map(({ id, senderId }) =>
        make(
          'message.deleted',
          `${entry.version}:deleted`,
          `"messageId":"${id}","roomId":${roomJson(entry.key)},"userId":${JSON.stringify(senderId)}`,
        ),
      );
    case 'delivered':
    case 'read': {
      const { kind, userId, messageIds, to } = entry;
      const rest = `"messageIds":${JSON.stringify(messageIds ?? [])},"userId":${JSON.stringify(userId)},"roomId":${roomJson(entry.key)},"upTo":${to}`;
      return [make(`message.${kind}`, `${encodeURIComponent(userId ?? '')}:${to}:${kind}`, rest)];
    }
  }
}

/** Null in a direct conversation, as for every client. */
function roomJson(key: RoomKey): string {
  return JSON.stringify(roomIdOf(key));
}

/** Who is to be notified: the other user of a direct conversation. Members of a room (null) are known to others, not to us. */
function recipients(key: RoomKey, message: Message): string {
  const users = directUsers(key);
  return users === null ? 'null' : JSON.stringify([...new Set(users)].filter((user) => user !== message.senderId));
}
