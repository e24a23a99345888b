/** Touches very many rooms with a message or two each, from a few sockets; what it leaves behind in the server is the point. */
import { sign } from '../token.js';
import { Member } from './member.js';
import type { LoadResult, Touch } from './plan.js';
import { Tally } from './tally.js';

/** Resolves when each room got its messages, each acked. */
export async function runTouch(plan: Touch, onWindow: (edge: 'start' | 'end') => void): Promise<LoadResult> {
  const tally = new Tally();
  const members = Array.from(
    { length: plan.sockets },
    (_, i) => new Member(`${plan.users}-${i}`, tally, plan.contentLength, false),
  );
  for (const member of members) await member.connect(plan.port, sign(member.userId, plan.secret));
  onWindow('start');
  tally.measuring = true;
  const started = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(members.map((member, i) => touchShare(plan, member, i)));
  const windowMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  onWindow('end');
  for (const member of members) member.close();
  const total = (of: (member: Member) => number) => members.reduce((all, member) => all + of(member), 0);
  return {
    windowMs,
    acked: tally.acked,
    deliveries: tally.deliveries,
    latency: tally.latency.summary(),
    clientCpu: (used.user + used.system) / 1000 / windowMs,
    validation: {
      acked: total((member) => member.acked),
      sampled: 0,
      refused: total((member) => member.refused),
      unanswered: total((member) => member.unanswered),
      missing: plan.rooms * plan.passes - total((member) => member.acked),
      extra: total((member) => member.delivered),
      disorder: 0,
      wrong: 0,
      broken: total((member) => member.broken),
    },
  };
}

/** Member i of n touches the rooms i, i + n, i + 2n, …, `passes` times over. */
function touchShare(plan: Touch, member: Member, share: number): Promise<void> {
  const count = Math.ceil((plan.rooms - share) / plan.sockets);
  const total = count * plan.passes;
  let next = 0;
  let answered = 0;
  return new Promise((resolve) => {
    const send = () => {
      if (next >= total) return;
      member.send(`${plan.prefix}-room-${share + (next % count) * plan.sockets}`);
      next += 1;
    };
    if (total <= 0) {
      resolve();
      return;
    }
    member.onAnswer = () => {
      answered += 1;
      if (answered === total) resolve();
      else send();
    };
    for (let i = 0; i < plan.inFlight; i += 1) send();
  });
}
