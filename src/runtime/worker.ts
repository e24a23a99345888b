/**
 * The worker entry: a life-long piscina task that hosts shards. The only place where the runtime meets the room actor.
 * The task ends when told to stop; anything thrown past it ends the thread, and the supervisor starts another.
 */
import { uuidv7 } from 'uuidv7';
import { roomBehaviour } from '../actors/room.js';
import { createLog } from '../observe/log.js';
import { createWorkerMetrics } from '../observe/worker-metrics.js';
import type { FromHost, HostTask, ToHost } from './host-protocol.js';
import { Shard } from './shard.js';
import { createWriter } from './store/postgres/writer.js';

/** @returns when the host was told to stop and all of its shards have freed their partitions */
export default async function host(task: HostTask): Promise<void> {
  const { port, limits, settings } = task;
  const log = createLog(task.logLevel, `worker-${task.worker}`, task.logPretty);
  const metrics = createWorkerMetrics(task.worker);
  const behaviour = roomBehaviour(limits);
  const post = (message: FromHost): void => port.postMessage(message);
  const shards = new Map(
    task.shards.map((plan) => {
      const shardLog = log.child({ shard: plan.shard });
      const writer = createWriter({
        connection: task.connection,
        name: `shard-${plan.shard}`,
        deadlineMs: settings.frameDeadlineMs,
        node: task.node,
        partitions: settings.partitions,
        log: shardLog,
      });
      const shard = new Shard({
        plan,
        settings,
        behaviour,
        writer,
        post,
        onOwnership: (held) => post({ type: held ? 'ready' : 'suspended', shard: plan.shard }),
        newId: uuidv7,
        metrics,
        log: shardLog,
      });
      return [plan.shard, shard] as const;
    }),
  );
  const stopped = new Promise<void>((resolve) => {
    port.on('message', (message: ToHost) => {
      if (message.type === 'frame') shards.get(message.shard)?.accept(message);
      else if (message.type === 'stop') resolve();
      else
        void Promise.resolve(metrics.snapshot()).then((collected) =>
          post({ type: 'collected', id: message.id, metrics: collected }),
        );
    });
  });
  const beat = setInterval(() => post({ type: 'beat' }), task.beatMs);
  post({ type: 'hello' });
  const started = Promise.all([...shards.values()].map((shard) => shard.start()));
  // A stop that comes while the store is away ends the start as well: then there is nothing to wait for.
  await Promise.race([started, stopped]);
  await stopped;
  await Promise.all([...shards.values()].map((shard) => shard.stop()));
  await started.catch(() => undefined);
  clearInterval(beat);
  metrics.close();
  port.close();
}
