/** Who is in a room, as the actor tells the edges, and how an edge reads what passes through it. */
import { roomIdOf, type RoomKey } from './ids.js';
import { packetText } from './packets.js';

/** Users of one room that are listed, or remembered by an edge. Larger rooms are not: it would cost more than it mends. */
export const rosterMost = 10_000;

const joined = 'user_joined';
const left = 'user_left';
const list = '["occupants",';
const names = new Map([
  [`["${joined}",`, true],
  [`["${left}",`, false],
]);

/** For edges alone: no socket ever gets it. */
export function rosterPacket(userIds: readonly string[]): string {
  return `${list}${JSON.stringify(userIds)}]`;
}

/** `user_joined` or `user_left`, as the JSON text of the event. */
export function occupantPacket(key: RoomKey, userId: string, here: boolean): string {
  return packetText(here ? joined : left, JSON.stringify({ userId, roomId: roomIdOf(key) }));
}

export function isRoster(packet: string): boolean {
  return packet.startsWith(list);
}

/** The users of a roster; null for what is none. What other nodes send is not trusted to be one. */
export function readRoster(packet: string): ReadonlySet<string> | null {
  const body = bodyOf(packet);
  if (!Array.isArray(body) || body.length > rosterMost) return null;
  const userIds = new Set<string>();
  for (const one of body as readonly unknown[]) {
    if (typeof one !== 'string') return null;
    userIds.add(one);
  }
  return userIds;
}

/** Whom the others are told to have come or gone; null for any other packet. */
export function readOccupant(packet: string): { readonly userId: string; readonly here: boolean } | null {
  const here = names.get(packet.slice(0, packet.indexOf(',') + 1));
  if (here === undefined) return null;
  const body = bodyOf(packet);
  if (typeof body !== 'object' || body === null || !('userId' in body) || typeof body.userId !== 'string') return null;
  return { userId: body.userId, here };
}

function bodyOf(packet: string): unknown {
  try {
    const [, body] = JSON.parse(packet) as readonly unknown[];
    return body;
  } catch {
    return null;
  }
}
