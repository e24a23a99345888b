/**
 * The same load over any number of rooms. Room r is watched by one socket, and each sender goes round its share of the rooms:
 * so whatever the number of rooms, as many messages are in flight and each is delivered once.
 */
import { sign } from '../token.js';
import { measureWindow, resultOf } from './closed-loop.js';
import { Member, numberAfter, seqOf } from './member.js';
import type { LoadResult, Validation } from './plan.js';
import { allOf, settled, sum } from './rooms.js';
import { Tally } from './tally.js';

export interface Spread {
  readonly kind: 'spread';
  readonly port: number;
  readonly secret: string;
  readonly rooms: number;
  /** Sockets; each sends. */
  readonly senders: number;
  readonly inFlight: number;
  readonly contentLength: number;
  readonly warmupMs: number;
  readonly windowMs: number;
}

const prefix = 'spread-room-';
const roomField = Buffer.from(`"room_id":"${prefix}`);
/** After a refusal a sender pauses this long (ms). */
const refusalPause = 10;

interface Seen {
  /** The newest seq of each room that arrived at its watcher. */
  readonly seqs: Uint32Array;
  disorder: number;
}

export async function runSpread(plan: Spread, onWindow: (edge: 'start' | 'end') => void): Promise<LoadResult> {
  const tally = new Tally();
  const seen: Seen = { seqs: new Uint32Array(plan.rooms), disorder: 0 };
  const members = Array.from(
    { length: plan.senders },
    (_, i) => new Member(`spread-user-${i}`, tally, plan.contentLength, false),
  );
  await allOf(members.map((member) => () => member.connect(plan.port, sign(member.userId, plan.secret))));
  for (const member of members) member.onMessage = watch(seen);
  await Promise.all(members.map((member, i) => joinShare(plan, member, i)));

  let sending = true;
  members.forEach((member, i) => {
    const send = sendRound(plan, member, i);
    member.onAnswer = (accepted) => {
      if (!sending) return;
      if (accepted) send();
      else setTimeout(() => sending && send(), refusalPause);
    };
    for (let n = 0; n < plan.inFlight; n += 1) send();
  });
  const window = await measureWindow(plan, [tally], onWindow);
  sending = false;
  await settled(() => {
    const { unanswered, missing, extra, acked, refused } = validate(members, seen);
    return { missing: unanswered + missing, moved: acked + acked - missing + extra + refused };
  });
  const result = resultOf(window, tally, validate(members, seen));
  for (const member of members) member.close();
  return result;
}

function watch(seen: Seen): (buffer: Buffer, start: number, end: number) => void {
  return (buffer, start, end) => {
    const room = numberAfter(roomField, buffer, start, end);
    const seq = seqOf(buffer, start, end);
    if (seq !== (seen.seqs[room] ?? 0) + 1) seen.disorder += 1;
    seen.seqs[room] = seq;
  };
}

async function joinShare({ rooms, senders }: Spread, member: Member, share: number): Promise<void> {
  for (let room = share; room < rooms; room += senders) await member.join(prefix + room);
}

/** Sender i of n sends to the rooms i, i + n, i + 2n, … in turn; of fewer rooms than senders each has several senders. */
function sendRound({ rooms, senders }: Spread, member: Member, share: number): () => void {
  const first = share % rooms;
  let room = first;
  return () => {
    member.send(prefix + room);
    room = room + senders < rooms ? room + senders : first;
  };
}

function validate(members: readonly Member[], seen: Seen): Validation {
  const acked = sum(members, (member) => member.acked);
  const delivered = sum(members, (member) => member.delivered);
  return {
    acked,
    sampled: members.length,
    refused: sum(members, (member) => member.refused),
    unanswered: sum(members, (member) => member.unanswered),
    missing: Math.max(0, acked - delivered),
    extra: Math.max(0, delivered - acked),
    disorder: seen.disorder,
    wrong: 0,
    broken: sum(members, (member) => member.broken),
  };
}
