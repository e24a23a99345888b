/** Ways to bring a command to another thread and its reply back. One worker thread each. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { SendCommand } from '../../../src/actors/protocol/commands.js';
import { readConfig } from '../../../src/config.js';
import { createLog } from '../../../src/observe/log.js';
import type { Burst, LaneReply } from '../../../src/runtime/frames.js';
import type { FromHost, ToHost } from '../../../src/runtime/host-protocol.js';
import { hostTask } from '../../../src/runtime/host-task.js';
import { Lane } from '../../../src/runtime/lane.js';
import { packFrame, unpackReply } from '../../../src/runtime/packing.js';
import { partitionOf, partitionsOf, shardOf } from '../../../src/runtime/placement.js';
import { WorkerHost } from '../../../src/runtime/worker-host.js';
import type { Echo } from './echo.js';
import type { Answered, Asked } from './thread.js';

export const wayNames = ['lanes', 'post', 'run'] as const;
export type WayName = (typeof wayNames)[number];

export interface Way {
  offer(command: SendCommand, replyTo: LaneReply): void;
  close(): Promise<void>;
}

/** Takes what a reply brings for the room's sockets. */
export type OnBursts = (bursts: readonly Burst[]) => void;

/** Tasks under way at once in the one thread of the pool: above all sizes, since piscina reorders what waits in its queue. */
const tasksAtOnce = 1024;

const script = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url));

export function openWay(name: WayName, onBursts: OnBursts): Promise<Way> {
  switch (name) {
    case 'lanes':
      return openLanes(onBursts);
    case 'post':
      return openThread(onBursts);
    case 'run':
      return openPool(onBursts);
  }
}

/** The service's lanes, mailboxes and supervised host with its default settings, put together as its room runtime does. */
async function openLanes(onBursts: OnBursts): Promise<Way> {
  const config = readConfig({ WORKER_THREADS: '1', LOG_LEVEL: 'warn' });
  const log = createLog('warn', 'bench');
  const lanes = Array.from(
    { length: config.shardsPerWorker },
    (_, shard) =>
      new Lane({
        shard,
        bounds: { highMark: config.mailboxCapacity, lowMark: config.mailboxLowMark },
        frameMaxCommands: config.frameMaxCommands,
        frameMaxBytes: config.frameMaxBytes,
        replyDeadlineMs: config.replyDeadlineMs,
        log,
      }),
  );
  const pool = new Piscina({
    filename: script('host'),
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Infinity,
    atomics: 'disabled',
  });
  let onServing = (): void => undefined;
  const serving = new Promise<void>((resolve) => (onServing = resolve));
  const onMessage = (message: FromHost, post: (message: ToHost) => void): void => {
    if (message.type === 'frame') {
      const reply = unpackReply(message);
      lanes[message.shard]?.settle(reply);
      onBursts(reply.bursts);
    } else if (message.type === 'ready') {
      lanes[message.shard]?.open((frame) => post(packFrame(frame)), []);
      if (lanes.every((lane) => lane.serving)) onServing();
    }
  };
  const host = new WorkerHost({
    pool,
    worker: 0,
    task: () =>
      hostTask(
        // Nothing connects: the host of this case has no store.
        {
          config,
          connection: { host: '', port: 0, user: '', password: null, database: '' },
          node: 'bench',
          alone: true,
        },
        lanes.map(({ shard }) => ({ shard, partitions: partitionsOf(shard, lanes.length, config.partitions) })),
      ),
    stuckMs: config.workerStuckMs,
    onMessage,
    onDeath: () => undefined,
    mayRestart: () => false,
    onGiveUp: () => {
      throw new Error('the worker of the lanes died');
    },
    log,
  });
  host.start();
  await serving;
  return {
    offer: (command, replyTo) =>
      lanes[shardOf(partitionOf(command.key, config.partitions), lanes.length)]?.offer(command, replyTo),
    close: async () => {
      await host.stop();
      await pool.destroy();
    },
  };
}

async function openThread(onBursts: OnBursts): Promise<Way> {
  const worker = new Worker(script('thread'));
  await once(worker, 'online');
  /** One entry per command on its way. */
  const waiting = new Map<number, { readonly key: string; readonly replyTo: LaneReply }>();
  let lastId = 0;
  worker.on('message', ({ id, outcome, event }: Answered) => {
    const caller = waiting.get(id);
    if (caller === undefined) return;
    waiting.delete(id);
    caller.replyTo(outcome, 0);
    onBursts([{ key: caller.key, events: [event] }]);
  });
  return {
    offer: (command, replyTo) => {
      const id = (lastId += 1);
      waiting.set(id, { key: command.key, replyTo });
      worker.postMessage({ id, command } satisfies Asked);
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

async function openPool(onBursts: OnBursts): Promise<Way> {
  const pool = new Piscina<SendCommand, Echo>({
    filename: script('task'),
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Infinity,
    concurrentTasksPerWorker: tasksAtOnce,
    maxQueue: Infinity,
  });
  return {
    offer: (command, replyTo) => {
      void pool.run(command).then(({ outcome, event }) => {
        replyTo(outcome, 0);
        onBursts([{ key: command.key, events: [event] }]);
      });
    },
    close: () => pool.destroy(),
  };
}
