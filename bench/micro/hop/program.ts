/** One way, in a process of its own: a closed loop that keeps so many commands on their way and checks every reply. */
import { serialize } from 'node:v8';
import type { Measurement } from '../../child.js';
import { program } from '../../program.js';
import type { Timing } from '../grid.js';
import { Room } from './commands.js';
import { openWay, type WayName } from './ways.js';

export interface HopPlan extends Timing {
  readonly way: WayName;
  readonly inFlight: number;
}

/** Replies in the window; ms of CPU of both threads in it; bytes of a command between threads. */
export type HopFigure = 'windowMs' | 'replies' | 'cpuMs' | 'commandBytes';

/** As in the busy case. */
const roomCount = 10;
/** What is still missing when nothing has come for so long (ms) does not come. */
const silenceMs = 2_000;

async function hop(plan: HopPlan): Promise<Measurement<HopFigure>> {
  const rooms = Array.from({ length: roomCount }, (_, number) => new Room(number));
  const byKey = new Map(rooms.map((room) => [room.key, room]));
  const way = await openWay(plan.way, (bursts) => {
    for (const burst of bursts) byKey.get(burst.key)?.heard(burst);
  });
  let replies = 0;
  let sending = true;
  const send = (room: Room): void => {
    const [command, place] = room.next();
    way.offer(command, (outcome) => {
      replies += 1;
      room.answered(place, outcome);
      if (sending) send(room);
    });
  };
  for (let i = 0; i < plan.inFlight; i += 1) {
    const room = rooms[i % roomCount];
    if (room !== undefined) send(room);
  }
  await pause(plan.warmupMs);
  const before = replies;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await pause(plan.windowMs);
  const measured = replies - before;
  const windowMs = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  sending = false;
  await settled(rooms, () => replies);
  await way.close();
  const [command] = new Room(0).next();
  return {
    figures: {
      windowMs,
      replies: measured,
      cpuMs: (cpu.user + cpu.system) / 1000,
      commandBytes: serialize(command).length,
    },
    faults: rooms.flatMap(({ key, faults, unanswered, unheard }) => [
      ...faults,
      ...(unanswered === 0 ? [] : [`${key}: ${unanswered} commands without a reply`]),
      ...(unheard === 0 ? [] : [`${key}: ${unheard} commands without an event`]),
    ]),
  };
}

/** Resolves when every command was answered and heard, or when nothing comes any more. */
async function settled(rooms: readonly Room[], progress: () => number): Promise<void> {
  let seen = progress();
  let quietSince = performance.now();
  while (rooms.some(({ unanswered, unheard }) => unanswered + unheard > 0)) {
    await pause(5);
    if (progress() !== seen) quietSince = performance.now();
    else if (performance.now() - quietSince > silenceMs) return;
    seen = progress();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

program(hop);
