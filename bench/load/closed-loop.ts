/** The closed loop: rooms full of members, a warm-up, a measured window, and a drain in which everything sent must arrive. */
import type { ClosedLoop, LoadResult } from './plan.js';
import { drain, enter, pause, validate } from './rooms.js';
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
  let sending = true;
  for (const { id, members } of rooms) {
    for (const sender of members.slice(0, plan.senders)) {
      sender.onAnswer = (accepted) => {
        if (!sending) return;
        if (accepted) sender.send(id);
        else setTimeout(() => sending && sender.send(id), refusalPause);
      };
      for (let i = 0; i < plan.inFlight; i += 1) sender.send(id);
    }
  }
  await pause(plan.warmupMs);

  onWindow('start');
  tally.measuring = true;
  const started = performance.now();
  const cpu = process.cpuUsage();
  await pause(plan.windowMs);
  tally.measuring = false;
  const windowMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  onWindow('end');

  sending = false;
  await drain(rooms);
  const validation = validate(rooms);
  for (const { members } of rooms) for (const member of members) member.close();
  return {
    windowMs,
    acked: tally.acked,
    deliveries: tally.deliveries,
    latency: tally.latency.summary(),
    clientCpu: (used.user + used.system) / 1000 / windowMs,
    validation,
  };
}
