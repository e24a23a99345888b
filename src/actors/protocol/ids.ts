/**
 * Names of rooms and conversations. A room key is either a `room_id` or the key of a direct conversation.
 * Ids are 1..255 printable characters, so the separator below, a control character, can occur in none of them:
 * two different pairs of users never share a key, and no client can name a direct conversation as a `room_id`.
 */
export type RoomKey = string;

const separator = '\u001f';

/** The key of the conversation of two users; the order of the arguments does not matter. */
export function directKey(a: string, b: string): RoomKey {
  return a < b ? `${separator}${a}${separator}${b}` : `${separator}${b}${separator}${a}`;
}

export function isDirect(key: RoomKey): boolean {
  return key.startsWith(separator);
}

/** Both users of a direct conversation (twice the same for notes to oneself); null for a room. */
export function directUsers(key: RoomKey): readonly [string, string] | null {
  if (!isDirect(key)) return null;
  const middle = key.indexOf(separator, 1);
  return [key.slice(1, middle), key.slice(middle + 1)];
}

/** The `room_id` that clients see: null for a direct conversation. */
export function roomIdOf(key: RoomKey): string | null {
  return isDirect(key) ? null : key;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text has the shape of a message id. Anything else cannot name a message, so it is answered as absent. */
export function isMessageId(text: string): boolean {
  return uuid.test(text);
}

/** An id of a user, room or client message: 1..max printable, well-formed characters, no control characters. */
export function isPrintableId(text: string, maxLength: number): boolean {
  if (text.length === 0 || text.length > maxLength || !text.isWellFormed()) return false;
  return !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}
