/** The grammar of data: requests that are valid, values that have no business in them, and ways to damage a text. */
import type { Random } from './random.js';

export const rooms = ['fuzz-a', 'fuzz-b', 'dm-x-y'] as const;
export const users = Array.from({ length: 12 }, (_, i) => `fuzz-user-${i}`);

/** Ids of messages that answers told of: so that what is asked for exists now and then. */
export class Ids {
  readonly #known: string[] = ['01890a5d-ac96-774b-bcce-b302099a8057'];

  learn(text: string): void {
    const id = /"id":"([0-9a-f-]{36})"/.exec(text)?.[1];
    if (id === undefined) return;
    this.#known.push(id);
    if (this.#known.length > 200) this.#known.shift();
  }

  pick(random: Random): string {
    return random.pick(this.#known);
  }
}

export type Event = readonly [name: string, data: Readonly<Record<string, unknown>>];

export function event(random: Random, ids: Ids): Event {
  const roomId = random.pick(rooms);
  const id = ids.pick(random);
  return random.pick<Event>([
    ['join_room', { roomId }],
    ['join_room', { roomId, since: random.below(50) }],
    ['leave_room', { roomId }],
    ['send_message', { room_id: roomId, content: `text ${random.below(1_000)}` }],
    ['send_message', { room_id: roomId, text: 'text', client_msg_id: `c${random.below(20)}`, reply_to: id }],
    ['send_message', { receiver_id: random.pick(users), content: 'direct', metadata: { a: [1, { b: null }] } }],
    ['edit_message', { messageId: id, content: `edited ${random.below(1_000)}` }],
    ['delete_message', { messageId: id, roomId }],
    ['typing', { roomId }],
    ['stop_typing', { roomId }],
    ['get_typing_users', { roomId }],
    ['mark_read', { messageIds: [id, ids.pick(random)], roomId }],
    ['mark_delivered', { messageIds: [id], roomId }],
    ['get_messages', { roomId, limit: 5, before: random.below(100) }],
    ['authenticate', { userId: random.pick(users), token: 'not a token' }],
  ]);
}

/** JSON texts that JSON.stringify would not give, and values of the wrong shape. */
const hostile: readonly string[] = [
  'null',
  'true',
  '-0',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  '0.1',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\u001fa\\u001fb"',
  '"\\u2028"',
  '"\\u202e"',
  '"e\\u0301"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"%s%n"',
  '"{\\"level\\":60}"',
  '"\\r\\nSet-Cookie: a=b"',
  '"\'; drop table messages; --"',
  '"../../etc/passwd"',
  '[]',
  '{}',
  '[[]]',
  '[null]',
  '{"toString":1}',
  '{"toJSON":"x"}',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"_placeholder":true,"num":0}',
  '{"_placeholder":true,"num":-1}',
  '{"length":100000000}',
  '{"$where":"1"}',
];

export function hostileValue(random: Random): string {
  switch (random.below(8)) {
    case 0:
      return JSON.stringify('x'.repeat(random.pick([255, 256, 4_000, 4_001, 60_000])));
    case 1:
      return JSON.stringify('😀'.repeat(random.pick([127, 128, 2_000, 2_001])));
    case 2: {
      const depth = random.pick([9, 100, 5_000, 20_000]);
      return '['.repeat(depth) + ']'.repeat(depth);
    }
    case 3: {
      const depth = random.pick([9, 100, 5_000]);
      return '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
    }
    case 4:
      return `[${Array.from({ length: random.pick([10, 1_000, 1_001, 5_000]) }, (_, i) => i).join()}]`;
    case 5:
      // Texts that the database refuses.
      return random.pick(['"a\\u0000b"', '"\\u0000"', '"a\\ud800"', '"\\udc00b"']);
    default:
      return random.pick(hostile);
  }
}

/** An object as JSON text in which one thing, or a few, are not as they should be. */
export function twisted(random: Random, data: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(data).map(([name, value]) => [JSON.stringify(name), JSON.stringify(value)] as const);
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(members.length + 1);
    const name =
      members[at]?.[0] ??
      random.pick(['"extra"', '"__proto__"', '"metadata"', '"client_msg_id"', '"since"', '"limit"']);
    if (random.chance(0.15)) members.splice(at, 1);
    else members.splice(at, random.chance(0.8) ? 1 : 0, [name, hostileValue(random)]);
  }
  return `{${members.map(([name, value]) => `${name}:${value}`).join()}}`;
}

const tokens = [
  '\0',
  '\x1e',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '\r\n',
  '\ud800',
  'null',
  '9999999999',
  '%00',
  '\u00ff',
];

/** A text with a few places damaged. */
export function damaged(random: Random, text: string): string {
  let result = text;
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(result.length + 1);
    const end = Math.min(result.length, at + random.pick([0, 1, 1, 2, 10]));
    switch (random.below(5)) {
      case 0:
        result = result.slice(0, at) + result.slice(end);
        break;
      case 1:
        result = result.slice(0, at) + random.pick(tokens) + result.slice(end);
        break;
      case 2:
        result = result.slice(0, at) + String.fromCharCode(random.below(256)) + result.slice(end);
        break;
      case 3:
        result = result.slice(0, at);
        break;
      default:
        result = result.slice(0, at) + result.slice(random.below(at + 1), at) + result.slice(at);
    }
  }
  return result;
}

/** Bytes with a few of them changed. */
export function flipped(random: Random, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  for (let i = random.below(6); i >= 0 && result.length > 0; i--)
    result[random.below(result.length)] = random.chance(0.3) ? random.pick([0, 10, 13, 127, 255]) : random.below(256);
  return result;
}
