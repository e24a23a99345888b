/** Very many sockets in one room that say nothing, held until the harness has looked at the server. */
import { sign } from '../token.js';
import { Member } from './member.js';
import { allOf, drain, leave, resumed, type Room } from './rooms.js';
import { Tally } from './tally.js';

export interface Idle {
  readonly kind: 'idle';
  readonly port: number;
  readonly secret: string;
  readonly sockets: number;
  /** Begins the ids of users and of the room. */
  readonly prefix: string;
  readonly contentLength: number;
}

export interface IdleResult {
  /** Sockets that got the message sent to all of them at the end. */
  readonly reached: number;
  /** Sockets that were closed meanwhile. */
  readonly broken: number;
}

/** Handshakes at once: no server's accept queue is flooded. */
const connectAtOnce = 64;
/**
 * Joins at once. A server that tells the others of every join writes to each of them once per batch of joins: one after the
 * other, entering a room would take the square of its members in writes.
 */
const joinAtOnce = 128;

/** Connects and joins, waits at the window's start for the harness, then sends one message that everybody must get. */
export async function runIdle(plan: Idle, onWindow: (edge: 'start' | 'end') => void): Promise<IdleResult> {
  const tally = new Tally();
  const id = `${plan.prefix}-room`;
  const members = Array.from(
    { length: plan.sockets },
    (_, i) => new Member(`${plan.prefix}-user-${i}`, tally, plan.contentLength, false),
  );
  await allOf(
    members.map((member) => () => member.connect(plan.port, sign(member.userId, plan.secret))),
    connectAtOnce,
  );
  await allOf(
    members.map((member) => async () => {
      await member.join(id);
    }),
    joinAtOnce,
  );
  const looked = resumed();
  onWindow('start');
  await looked;
  const room: Room = { id, members };
  members[0]?.send(id);
  await drain([room]);
  onWindow('end');
  const reached = members.filter(({ delivered }) => delivered === 1).length;
  const broken = members.filter((member) => member.broken > 0).length;
  leave([room]);
  return { reached, broken };
}
