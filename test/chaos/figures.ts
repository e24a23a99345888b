/** The figures of a run, from its history: how much was acked, what was wrong, how long rooms were silent. */
import { faults, type Fault, type Violation } from './check/evidence.js';
import type { Timed } from './history.js';

export interface Figures {
  readonly acked: number;
  /** Refusals as retryable, and requests without an answer; all of them were repeated. */
  readonly refused: number;
  readonly unanswered: number;
  readonly wrong: Readonly<Record<Fault, number>>;
  /** Longest time between two acks of one room while the workload ran, in milliseconds. */
  readonly silenceMs: number;
  /** From a strike until a message that was sent after it was acked in every room; the longest of the run. */
  readonly takeOverMs: number;
  /** From a heal until the last event that was acked before it had reached its last socket. */
  readonly lateMs: number;
  /** From the start of a process to the first ack after it, where a nemesis started the only one. */
  readonly firstAckMs: number | null;
  readonly reconnects: number;
  readonly resyncs: number;
}

export function figuresOf(history: readonly Timed[], violations: readonly Violation[]): Figures {
  const wrong = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  for (const { fault } of violations) wrong[fault] += 1;
  const acked = new Set<string>();
  let refused = 0;
  let unanswered = 0;
  let sessions = 0;
  const users = new Set<string>();
  let resyncs = 0;
  const sends = new Map<number, { readonly room: string; readonly t: number; readonly key: string }>();
  for (const entry of history) {
    if (entry.type === 'invoke' && entry.kind === 'send')
      sends.set(entry.op, { room: entry.room, t: entry.t, key: `${entry.user} ${entry.name}` });
    else if (entry.type === 'ok' && entry.message !== undefined) {
      const send = sends.get(entry.op);
      if (send !== undefined) acked.add(`${send.room} ${send.key}`);
    } else if (entry.type === 'fail' && entry.retryable) refused += 1;
    else if (entry.type === 'unknown') unanswered += 1;
    else if (entry.type === 'session' && entry.phase === 'open') {
      sessions += 1;
      users.add(entry.user);
    } else if (entry.type === 'resync') resyncs += 1;
  }
  return {
    acked: acked.size,
    refused,
    unanswered,
    wrong,
    ...timesOf(history, sends),
    reconnects: sessions - users.size,
    resyncs,
  };
}

type Sends = ReadonlyMap<number, { readonly room: string; readonly t: number }>;

function timesOf(
  history: readonly Timed[],
  sends: Sends,
): Pick<Figures, 'silenceMs' | 'takeOverMs' | 'lateMs' | 'firstAckMs'> {
  const acks: { readonly room: string; readonly begun: number; readonly t: number }[] = [];
  const ackedAt = new Map<string, number>();
  const strikes: number[] = [];
  const heals: number[] = [];
  const starts: number[] = [];
  let [from, to] = [0, Infinity];
  // Beside another node the first ack is the other's.
  let alone = true;
  for (const entry of history) {
    if (entry.type === 'ok' && entry.message !== undefined) {
      const send = sends.get(entry.op);
      if (send === undefined) continue;
      acks.push({ room: send.room, begun: send.t, t: entry.t });
      const { id } = entry.message;
      if (!ackedAt.has(id)) ackedAt.set(id, entry.t);
    } else if (entry.type === 'nemesis') {
      if (entry.phase === 'start') from = entry.t;
      else if (entry.phase === 'end') to = entry.t;
      else if (entry.phase === 'strike') strikes.push(entry.t);
      else heals.push(entry.t);
      if (alone && entry.detail.startsWith('process started')) starts.push(entry.t);
    } else if (entry.type === 'run') alone = entry.nodes === 1;
  }
  let late = 0;
  for (const entry of history) {
    if (entry.type !== 'heard' || entry.event !== 'new_message') continue;
    const at = ackedAt.get(entry.message.id) ?? Infinity;
    const heal = heals.findLast((one) => one <= entry.t);
    if (heal !== undefined && at <= heal) late = Math.max(late, entry.t - heal);
  }
  const rooms = [...new Set(acks.map(({ room }) => room))];
  const within = acks.filter(({ t }) => t >= from && t <= to);
  let silence = 0;
  for (const room of rooms) {
    let before = from;
    for (const ack of within) {
      if (ack.room !== room) continue;
      silence = Math.max(silence, ack.t - before);
      before = ack.t;
    }
  }
  const takeOvers = strikes.flatMap((strike) =>
    rooms.flatMap((room) => {
      const first = acks.find((ack) => ack.room === room && ack.begun >= strike);
      return first === undefined ? [] : [first.t - strike];
    }),
  );
  const firsts = starts.flatMap((start) => {
    const first = acks.find((ack) => ack.t >= start);
    return first === undefined ? [] : [first.t - start];
  });
  return {
    silenceMs: Math.round(silence),
    takeOverMs: Math.round(Math.max(0, ...takeOvers)),
    lateMs: Math.round(late),
    firstAckMs: firsts.length === 0 ? null : Math.round(Math.max(...firsts)),
  };
}
