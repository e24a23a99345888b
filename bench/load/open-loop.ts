/**
 * The open loop: a clock that was set beforehand says when each message is to be sent, and nothing that the server does delays
 * it. Latency runs from that moment, not from the moment at which it could be sent: without this, a server that stalls would
 * be asked less while it stalls, and only the few that asked would count (coordinated omission).
 */
import { slots, type Member } from './member.js';
import { LatencyHistogram } from './latency.js';
import type { OpenLoop, OpenResult, OpenStep } from './plan.js';
import { drain, enter, pause, sum, validate, type Room } from './rooms.js';
import { ScheduleTally } from './tally.js';

/** A server follows when it acks this share of what it is offered. */
const followedShare = 0.95;
/** A rate is given up after as many: a hiccup of a shared machine is not the end of a server. */
const attempts = 2;
/** Sends between two looks at the clock, so that reading is not starved when the load client itself is late. */
const sendsPerTurn = 64;

interface Sender {
  readonly member: Member;
  readonly roomId: string;
}

/**
 * Runs all steps up to the first rate that saturates the server twice.
 * @param onWindow called at both edges of each step's measured window
 */
export async function runOpenLoop(plan: OpenLoop, onWindow: (edge: 'start' | 'end') => void): Promise<OpenResult> {
  const tally = new ScheduleTally();
  const rooms = await enter(plan, tally);
  const senders = turns(rooms, plan.senders);
  const steps: OpenStep[] = [];
  for (const offered of plan.rates) {
    let followed = false;
    for (let attempt = 1; !followed && attempt <= attempts; attempt += 1) {
      const step = await runStep(plan, offered, rooms, senders, tally, onWindow);
      steps.push(step);
      followed = !step.saturated;
    }
    if (!followed) break;
  }
  const validation = validate(rooms);
  for (const { members } of rooms) for (const member of members) member.close();
  return { steps, validation };
}

/** Who sends in turn: each room once before any room again, so that a room's messages are as far apart as they can be. */
function turns(rooms: readonly Room[], senders: number): Sender[] {
  return Array.from({ length: senders }, (_, at) =>
    rooms.flatMap(({ id, members }) => {
      const member = members[at];
      return member === undefined ? [] : [{ member, roomId: id }];
    }),
  ).flat();
}

async function runStep(
  { warmupMs, windowMs }: OpenLoop,
  offered: number,
  rooms: readonly Room[],
  senders: readonly Sender[],
  tally: ScheduleTally,
  onWindow: (edge: 'start' | 'end') => void,
): Promise<OpenStep> {
  const members = senders.map(({ member }) => member);
  const refusedBefore = sum(members, ({ refused }) => refused);
  const start = performance.now();
  tally.begin(start + warmupMs, start + warmupMs + windowMs);
  const count = Math.round((offered * (warmupMs + windowMs)) / 1000);
  const schedule = follow(offered, start, count, senders, tally);
  await pause(warmupMs);

  onWindow('start');
  tally.measuring = true;
  const opened = performance.now();
  const cpu = process.cpuUsage();
  await pause(windowMs);
  tally.measuring = false;
  const measuredMs = performance.now() - opened;
  const used = process.cpuUsage(cpu);
  onWindow('end');

  const { lag, withheld } = await schedule;
  await drain(rooms);
  const refused = sum(members, (member) => member.refused) - refusedBefore;
  const achieved = (tally.acked / measuredMs) * 1000;
  return {
    offered,
    windowMs: measuredMs,
    acked: tally.acked,
    deliveries: tally.deliveries,
    latency: tally.latency.summary(),
    lag: lag.summary(),
    refused,
    withheld,
    clientCpu: (used.user + used.system) / 1000 / measuredMs,
    saturated: achieved < followedShare * offered || refused > 0 || withheld > 0,
  };
}

/** Sends `count` messages by the clock, the senders in turn. Resolves when the last one is sent. */
function follow(
  rate: number,
  start: number,
  count: number,
  senders: readonly Sender[],
  tally: ScheduleTally,
): Promise<{ readonly lag: LatencyHistogram; readonly withheld: number }> {
  const gap = 1000 / rate;
  const lag = new LatencyHistogram();
  let withheld = 0;
  let next = 0;
  return new Promise((resolve) => {
    const turn = () => {
      for (let sent = 0; sent < sendsPerTurn; sent += 1) {
        if (next >= count) {
          resolve({ lag, withheld });
          return;
        }
        const due = start + next * gap;
        const now = performance.now();
        if (due > now) {
          setTimeout(turn, due - now);
          return;
        }
        const sender = senders[next % senders.length];
        next += 1;
        if (sender === undefined) continue;
        if (sender.member.unanswered >= slots) withheld += 1;
        else sender.member.send(sender.roomId, due);
        if (tally.holds(due)) lag.record(now - due);
      }
      setImmediate(turn);
    };
    turn();
  });
}
