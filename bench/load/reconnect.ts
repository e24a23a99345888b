/**
 * A storm of reconnects: rooms full of members lose all their connections at once, and come back all at once, each with the
 * version that it has seen. One sender per room stays and goes on sending, so that there is something to miss. Whoever is
 * refused comes again as client libraries do: after a second or so, or when the refusal says.
 */
import { sign } from '../token.js';
import { Member, Refused, seqOf, type Answer } from './member.js';
import type { ClosedLoop, Latency } from './plan.js';
import { allOf, enter, leave, pause, settled, type Room } from './rooms.js';
import { Tally } from './tally.js';

export interface Reconnect extends Pick<ClosedLoop, 'port' | 'secret' | 'rooms' | 'contentLength'> {
  readonly kind: 'reconnect';
  /** Sockets per room that drop, beside the sender that stays. */
  readonly members: number;
  /** How long they stay away. */
  readonly awayMs: number;
}

export interface ReconnectResult {
  readonly sockets: number;
  /** From the first attempt to the last socket's join. */
  readonly allJoinedMs: number;
  /** From a socket's first attempt to connect until it was in its room again. */
  readonly latency: Latency;
  /** Connections and joins that were refused and tried again. */
  readonly refusedConnections: number;
  readonly refusedJoins: number;
  /** Acked by the rooms, over the whole run. */
  readonly acked: number;
  /** Messages that the sockets had missed and got with their join. */
  readonly caughtUp: number;
  /** Messages that a socket never got: between those before and those after its join, or at the end. */
  readonly missed: number;
  /** Messages that a socket got twice or out of order. */
  readonly repeated: number;
  readonly clientCpu: number;
}

/** Every sender waits so long (ms) between an ack and its next message: the storm is what is measured. */
const betweenSends = 100;
const retryMs = 1000;
/** A server to which a socket has not come back by then (ms) has failed. */
const patience = 60_000;

/** What a socket has seen of its room: everything from the first message that it saw up to a seq, or not. */
class Witness {
  seq = 0;
  missed = 0;
  repeated = 0;

  saw(seq: number): void {
    if (seq <= this.seq) this.repeated += 1;
    else {
      if (this.seq > 0) this.missed += seq - this.seq - 1;
      this.seq = seq;
    }
  }

  readonly onMessage = (buffer: Buffer, start: number, end: number): void => {
    this.saw(seqOf(buffer, start, end));
  };
}

interface Returning {
  readonly roomId: string;
  readonly userId: string;
  readonly token: string;
  readonly witness: Witness;
}

interface Count {
  refusedConnections: number;
  refusedJoins: number;
  caughtUp: number;
}

export async function runReconnect(
  plan: Reconnect,
  onWindow: (edge: 'start' | 'end') => void,
): Promise<ReconnectResult> {
  const unused = new Tally();
  const tally = new Tally();
  const count: Count = { refusedConnections: 0, refusedJoins: 0, caughtUp: 0 };
  const stayed = await enter({ ...plan, members: 1, prefix: 'storm' }, unused);
  const crowd = await arrive(plan, stayed, unused);
  const stop = trickle(stayed);
  await settled(() => ({ missing: crowd.filter(({ witness }) => witness.seq === 0).length, moved: 0 }));

  for (const { member } of crowd) member.close();
  await pause(plan.awayMs);
  onWindow('start');
  const cpu = process.cpuUsage();
  const started = performance.now();
  tally.measuring = true;
  const returned = await Promise.all(crowd.map((one) => comeBack(plan, one, tally, count)));
  const allJoinedMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  onWindow('end');

  await stop();
  const acked = new Map(stayed.map(({ id, members }) => [id, members[0]?.acked ?? 0]));
  const behind = () => crowd.map(({ roomId, witness }) => Math.max(0, (acked.get(roomId) ?? 0) - witness.seq));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  await settled(() => ({ missing: sum(behind()), moved: sum(crowd.map(({ witness }) => witness.seq)) }));
  const missed = sum(behind()) + sum(crowd.map(({ witness }) => witness.missed));
  for (const member of returned) member.close();
  leave(stayed);
  return {
    sockets: crowd.length,
    allJoinedMs,
    latency: tally.latency.summary(),
    ...count,
    acked: sum([...acked.values()]),
    missed,
    repeated: sum(crowd.map(({ witness }) => witness.repeated)),
    clientCpu: (used.user + used.system) / 1000 / allJoinedMs,
  };
}

async function arrive(
  plan: Reconnect,
  rooms: readonly Room[],
  tally: Tally,
): Promise<(Returning & { readonly member: Member })[]> {
  const crowd = rooms.flatMap(({ id }) =>
    Array.from({ length: plan.members }, (_, i) => {
      const userId = `${id}-user-${i}`;
      const member = new Member(userId, tally, plan.contentLength, false);
      const witness = new Witness();
      member.onMessage = witness.onMessage;
      return { roomId: id, userId, token: sign(userId, plan.secret), witness, member };
    }),
  );
  await allOf(
    crowd.map(({ roomId, token, member }) => async () => {
      await member.connect(plan.port, token);
      await member.join(roomId);
    }),
  );
  return crowd;
}

/** Every room's sender sends at its own pace. @returns what ends it, resolving when all of it is answered */
function trickle(rooms: readonly Room[]): () => Promise<void> {
  let sending = true;
  const senders = rooms.flatMap(({ members }) => members);
  for (const { id, members } of rooms)
    for (const sender of members) {
      sender.onAnswer = () => setTimeout(() => sending && sender.send(id), betweenSends);
      sender.send(id);
    }
  return () => {
    sending = false;
    return settled(() => ({ missing: senders.filter(({ unanswered }) => unanswered > 0).length, moved: 0 }));
  };
}

async function comeBack(plan: Reconnect, one: Returning, tally: Tally, count: Count): Promise<Member> {
  const started = performance.now();
  const member = await connect(plan, one, tally, count);
  // What comes behind the answer in the same read is seen before the answer is.
  const behind: number[] = [];
  member.onMessage = (buffer, start, end) => {
    behind.push(seqOf(buffer, start, end));
  };
  const { messages } = await join(member, one, count);
  tally.answered(started);
  const before = one.witness.seq;
  if (Array.isArray(messages)) for (const { seq } of messages as { readonly seq: number }[]) one.witness.saw(seq);
  count.caughtUp += one.witness.seq - before;
  for (const seq of behind) one.witness.saw(seq);
  member.onMessage = one.witness.onMessage;
  return member;
}

async function connect(plan: Reconnect, one: Returning, tally: Tally, count: Count): Promise<Member> {
  const deadline = performance.now() + patience;
  for (;;) {
    const member = new Member(one.userId, tally, plan.contentLength, false);
    try {
      await member.connect(plan.port, one.token);
      return member;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      count.refusedConnections += 1;
      await pause(retryMs * (0.5 + Math.random()));
    }
  }
}

async function join(member: Member, { roomId, witness }: Returning, count: Count): Promise<Answer> {
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      return await member.join(roomId, witness.seq);
    } catch (error) {
      if (!(error instanceof Refused) || error.answer['retryable'] !== true || performance.now() > deadline)
        throw error;
      count.refusedJoins += 1;
      await pause(Number(error.answer['retryAfterMs'] ?? retryMs));
    }
  }
}
