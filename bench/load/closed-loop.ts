/** The closed loop: rooms full of members, a warm-up, a measured window, and a drain in which everything sent must arrive. */
import type { ClosedLoop, LoadResult, Validation } from './plan.js';
import { drain, enter, leave, pause, resumed, validate, type Room } from './rooms.js';
import { Tally } from './tally.js';

/** After a refusal the sender pauses this long (ms), or a busy loop of refusals would be measured. */
const refusalPause = 10;

/**
 * Runs the loop to its end.
 * @param onWindow called at both edges of the measured window
 */
export async function runClosedLoop(plan: ClosedLoop, onWindow: (edge: 'start' | 'end') => void): Promise<LoadResult> {
  const tally = new Tally();
  const rooms = await enter(plan, tally);
  const stop = beginSending(rooms, plan);
  const window = await measureWindow(plan, [tally], onWindow);
  stop();
  await drain(rooms);
  const result = resultOf(window, tally, validate(rooms));
  leave(rooms);
  return result;
}

/** Everybody who sends fills what may be in flight, and sends the next message with every answer. @returns what ends it */
export function beginSending(rooms: readonly Room[], { senders, inFlight }: Crowd): () => void {
  let sending = true;
  for (const { id, members } of rooms) {
    for (const sender of members.slice(0, senders)) {
      sender.onAnswer = (accepted) => {
        if (!sending) return;
        if (accepted) sender.send(id);
        else setTimeout(() => sending && sender.send(id), refusalPause);
      };
      for (let i = 0; i < inFlight; i += 1) sender.send(id);
    }
  }
  return () => {
    sending = false;
  };
}

export interface Window {
  readonly windowMs: number;
  readonly clientCpu: number;
}

/** The warm-up, then the time in which the tallies count. */
export async function measureWindow(
  plan: Pick<ClosedLoop, 'warmupMs' | 'windowMs'>,
  tallies: readonly Pick<Tally, 'measuring'>[],
  onWindow: (edge: 'start' | 'end') => void,
): Promise<Window> {
  await pause(plan.warmupMs);
  const looked = plan.windowMs === null ? resumed() : null;
  onWindow('start');
  for (const tally of tallies) tally.measuring = true;
  const started = performance.now();
  const cpu = process.cpuUsage();
  await (plan.windowMs === null ? looked : pause(plan.windowMs));
  for (const tally of tallies) tally.measuring = false;
  const windowMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  onWindow('end');
  return { windowMs, clientCpu: (used.user + used.system) / 1000 / windowMs };
}

export function resultOf(window: Window, tally: Tally, validation: Validation): LoadResult {
  return { ...window, acked: tally.acked, deliveries: tally.deliveries, latency: tally.latency.summary(), validation };
}

/** How many of a room send, and how much. */
type Crowd = Pick<ClosedLoop, 'senders' | 'inFlight'>;
