/** Everybody comes back at once to a room of long messages, beside rooms that others use: real workers, a real database. */
import test from 'ava';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import type { Command } from '../../src/actors/protocol/commands.js';
import { readConfig } from '../../src/config.js';
import type { LaneOutcome } from '../../src/runtime/frames.js';
import { RoomRuntime } from '../../src/runtime/room-runtime.js';
import { freshDatabase } from '../harness/database.js';

const messages = 520;
const units = 4_000;
const returning = 280;

function send(key: string, content: string): Command {
  const names = { senderId: 'ann', senderName: 'Ann', senderDisplayName: null, receiverId: null };
  return {
    kind: 'send',
    id: uuidv7(),
    key,
    ...names,
    content,
    messageType: 'text',
    clientMsgId: null,
    replyTo: null,
    metadata: null,
  };
}

function codeOf(outcome: LaneOutcome): string {
  if (outcome.ok) return 'ok';
  return 'moved' in outcome ? 'moved' : outcome.rejection.code;
}

/** @param heapMb of the one worker, in which everything has to find place */
async function storm(t: { teardown: (fn: () => void | Promise<void>) => void }, heapMb: number) {
  const database = await freshDatabase(t);
  const config = readConfig({
    ...database.env,
    NODE_ENV: 'test',
    WORKER_THREADS: '1',
    SHARDS_PER_WORKER: '1',
    WORKER_MAX_HEAP_MB: String(heapMb),
    WORKER_STUCK_MS: '30000',
    WORKER_RESTARTS: '0',
    FRAME_DEADLINE_MS: '20000',
    REPLY_DEADLINE_MS: '60000',
  });
  let deaths = 0;
  const rooms = new RoomRuntime({
    config,
    connection: database.connection,
    node: 'storm',
    alone: true,
    log: pino({ level: 'silent' }),
    onWorkerRestart: () => (deaths += 1),
    onGiveUp: () => undefined,
  });
  t.teardown(() => rooms.stop());
  await rooms.start();
  const ask = (command: Command): Promise<LaneOutcome> =>
    new Promise((resolve) => rooms.offer(command, false, resolve));
  for (let at = 0; at < messages; at += 40)
    await Promise.all(Array.from({ length: Math.min(40, messages - at) }, () => ask(send('busy', 'x'.repeat(units)))));
  return { ask, deaths: () => deaths };
}

/** Messages that a join brought; the body is let go at once, since all of them are large. */
function brought(outcome: LaneOutcome): number | string {
  if (!outcome.ok) return codeOf(outcome);
  if (outcome.answer.resync !== null) return outcome.answer.resync;
  return (JSON.parse(outcome.answer.body) as { readonly messages: readonly unknown[] }).messages.length;
}

for (const [name, sinceOf] of [
  ['the same version', () => 100],
  ['versions of their own', (at: number) => 25 + at],
] as const)
  test.serial(
    `${returning} joins with ${name} are all served, and sends in other rooms of the shard are acked meanwhile`,
    async (t) => {
      t.timeout(600_000);
      const { ask, deaths } = await storm(t, 256);
      const joins = Array.from({ length: returning }, (_, at) =>
        ask({
          kind: 'join',
          id: uuidv7(),
          key: 'busy',
          userId: `user ${at}`,
          socketId: `socket ${at}`,
          since: sinceOf(at),
        }).then(brought),
      );
      const neighbours = Array.from({ length: 100 }, (_, at) => ask(send(`quiet ${at % 10}`, 'hello')).then(codeOf));
      t.deepEqual(await Promise.all(neighbours), Array(100).fill('ok'));
      t.deepEqual(
        await Promise.all(joins),
        Array.from({ length: returning }, (_, at) => messages - sinceOf(at)),
      );
      t.is(deaths(), 0);
    },
  );
