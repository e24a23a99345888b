/**
 * The worker entry: a life-long piscina task that hosts shards. The only place where the runtime meets the room actor.
 * The task ends when told to stop; anything thrown past it ends the thread, and the supervisor starts another.
 */
import { uuidv7 } from 'uuidv7';
import { roomBehaviour, type RoomState } from '../actors/room.js';
import { createLog, type Log } from '../observe/log.js';
import { createWorkerMetrics, type WorkerMetrics } from '../observe/worker-metrics.js';
import { CachedWriter } from './cache/cached-writer.js';
import { RoomCache } from './cache/room-cache.js';
import type { FromHost, HostTask, ToHost } from './host-protocol.js';
import { packReply, unpackFrame } from './packing.js';
import { Shard } from './shard.js';
import { createWriter } from './store/postgres/writer.js';

/** @returns when the host was told to stop and all of its shards have freed their partitions */
export default async function host(task: HostTask): Promise<void> {
  const { port, limits, settings } = task;
  const log = createLog(task.logLevel, `worker-${task.worker}`, task.logPretty);
  const metrics = createWorkerMetrics(task.worker);
  const behaviour = roomBehaviour(limits);
  const post = (message: FromHost): void => port.postMessage(message);
  const cache = createCache(task, metrics, log);
  cache?.start();
  const shards = new Map(
    task.shards.map((plan) => {
      const shardLog = log.child({ shard: plan.shard });
      const store = createWriter({
        connection: task.connection,
        name: `shard-${plan.shard}`,
        deadlineMs: settings.frameDeadlineMs,
        node: task.node,
        partitions: settings.partitions,
        ...(settings.idleSessionMs === undefined ? {} : { idleSessionMs: settings.idleSessionMs }),
        log: shardLog,
      });
      const cached = cache === null ? null : new CachedWriter(store, cache, shardLog);
      const shard = new Shard({
        plan,
        settings,
        behaviour,
        writer: cached ?? store,
        post: (reply) => post(packReply(reply)),
        onServing: (serving) => post({ type: serving ? 'ready' : 'suspended', shard: plan.shard }),
        onHeld: (fences) =>
          post({ type: 'held', shard: plan.shard, held: fences.map(({ partition, epoch }) => [partition, epoch]) }),
        newId: uuidv7,
        ...(cached === null ? {} : { onEvicted: (room: RoomState) => cached.keep(room) }),
        metrics,
        log: shardLog,
      });
      return [plan.shard, shard] as const;
    }),
  );
  const stopped = new Promise<void>((resolve) => {
    port.on('message', (message: ToHost) => {
      if (message.type === 'frame') shards.get(message.shard)?.accept(unpackFrame(message));
      else if (message.type === 'want') shards.get(message.shard)?.want(message.partitions);
      else if (message.type === 'gone') for (const shard of shards.values()) shard.forget(message.nodes);
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
  await cache?.stop();
  clearInterval(beat);
  metrics.close();
  port.close();
}

/** One for all shards of the thread. */
function createCache({ cache, limits }: HostTask, metrics: WorkerMetrics, log: Log): RoomCache | null {
  if (cache === null) return null;
  return new RoomCache({ redis: cache.redis, name: 'cache', ttlMs: cache.ttlMs, limits, metrics, log });
}
