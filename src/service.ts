/** How the parts are put together. Nothing here decides anything: it names who gets whom, and in which order they live. */
import type { Config } from './config.js';
import { createAccess } from './edge/access.js';
import { createChat } from './edge/chat.js';
import { createDirectory } from './edge/directory.js';
import { Leaving } from './edge/leaving.js';
import { Membership } from './edge/membership.js';
import { createPresence } from './edge/presence.js';
import { createLimits } from './edge/rate-limiter.js';
import { createTokens } from './edge/tokens.js';
import { createHealth } from './http/health.js';
import { Listener } from './http/listener.js';
import { createHttp } from './http/server.js';
import type { Log } from './observe/log.js';
import { createMetrics } from './observe/metrics.js';
import type { Exposition, Snapshot } from './observe/registry.js';
import { Broker } from './runtime/broker/broker.js';
import { Cluster } from './runtime/cluster/cluster.js';
import { configuredRedis, createRedisClient } from './runtime/cluster/transport/redis-client.js';
import { RoomRuntime } from './runtime/room-runtime.js';
import { SingleNodeRooms } from './runtime/single-node-rooms.js';
import { ServiceStack } from './runtime/service-stack.js';
import { openStore, type Store } from './runtime/store/store.js';
import { createSocketEdge } from './ws/edge.js';
import { createEdgeMetrics } from './ws/metrics.js';

export interface RunningService {
  /** The port it listens on. */
  readonly port: number;
  /** Drains: tells the sockets, finishes what was accepted, frees the partitions, closes. Tolerates a second call. */
  stop(): Promise<void>;
}

/** Below the time a scraper waits; a worker that is busier than that is left out of the scrape. */
const scrapeTimeoutMs = 4_000;

/**
 * @param node names this process in the ownership table and in the logs
 * @param onGiveUp the service cannot go on; the process should end
 * @throws Error with a message for the operator; nothing is left running then
 */
export async function createService(
  config: Config,
  node: string,
  log: Log,
  onGiveUp: (reason: string) => void,
): Promise<RunningService> {
  const store = await openStore(config, log);
  try {
    return await assemble(config, node, store, log, onGiveUp);
  } catch (error) {
    await store.stop();
    throw error;
  }
}

async function assemble(
  config: Config,
  node: string,
  store: Store,
  log: Log,
  onGiveUp: (reason: string) => void,
): Promise<RunningService> {
  const { connection, reads } = store;
  const metrics = createMetrics();
  const edgeMetrics = createEdgeMetrics();
  const redis = configuredRedis(config);
  const runtime = new RoomRuntime({
    config,
    connection,
    node,
    alone: redis === null,
    log,
    onWorkerRestart: () => metrics.workerRestarted(),
    onGiveUp,
  });
  const cluster = redis === null ? null : new Cluster({ config, redis, connection, node, runtime, reads, log });
  const alone = new SingleNodeRooms(runtime);
  const rooms = cluster?.rooms ?? alone;
  const directory = createDirectory({ config, log });
  const tokens = createTokens({ config, onVerified: ({ userId }) => void directory.displayName(userId) });
  const access = createAccess({ config, log });
  const limits = createLimits(config);
  const shared =
    redis === null
      ? null
      : { client: createRedisClient(redis, `${redis.prefix}-presence`, log), prefix: redis.prefix, node };
  const presence = createPresence({ config, log, shared });
  const leaving = new Leaving(rooms);
  const chat = createChat({ config, rooms: leaving, reads, access, directory, limits, log });
  const broker =
    config.rabbitmqUrl === null
      ? null
      : new Broker({
          config,
          url: config.rabbitmqUrl,
          connection,
          held: () => runtime.held.keys(),
          rooms,
          reads,
          onRevoked: (key) => access.revoked(key),
          onAllRevoked: () => access.revokedAll(),
          log,
        });
  if (broker !== null) runtime.onFrame(() => broker.wake());
  const health = createHealth({
    checks: {
      database: { run: () => reads.check(), critical: true },
      rooms: {
        run: () => (runtime.serving ? Promise.resolve() : Promise.reject(new Error('suspended'))),
        critical: true,
      },
      ...(broker === null ? {} : { broker: { run: () => broker.check(), critical: false } }),
    },
  });
  const scrape = async (): Promise<Exposition> => {
    const workers = (await runtime.collect(scrapeTimeoutMs)) as Snapshot[];
    const parts = await Promise.all([broker, cluster].map((part) => part?.snapshot() ?? Promise.resolve<Snapshot>([])));
    return metrics.render([...workers, ...parts]);
  };
  const { server } = createHttp({
    config,
    chat,
    tokens,
    presence,
    limits,
    health,
    metrics: scrape,
    onRequest: (...request) => metrics.requested(...request),
    rooms,
    log,
  });
  const edge = createSocketEdge({
    config,
    server,
    chat,
    requests: limits.requests,
    tokens,
    presence,
    // The cluster puts its receiver between.
    rooms: cluster === null ? rooms : { attach: () => undefined },
    leaving,
    onRevoked: (key) => access.revoked(key),
    metrics: edgeMetrics,
    log,
    cluster: cluster?.sockets ?? null,
  });
  const { members } = access;
  const membership =
    members === null
      ? null
      : new Membership({ members, edge: edge.listener, rooms, everyMs: config.neighbourCacheTtlMs, log });
  const listener = new Listener(server, config.host, config.port);
  metrics.watch({ edge: edgeMetrics, reads: () => chat.counts(), mailboxDepths: () => runtime.depths() });
  const { before, after } = cluster?.services(edge.listener) ?? { before: [], after: [] };
  const optional = [broker, membership].filter((part) => part !== null);
  const services = [...before, runtime, ...after, presence, ...optional, edge, listener];
  const stack = new ServiceStack(services, log);
  await stack.start();
  health.enter('serving');
  return {
    port: listener.port,
    stop: async () => {
      if (cluster === null) {
        health.enter('draining');
        edge.drain();
        alone.drain();
      } else {
        // Others take over while everything is still accepted here, and passed on to them.
        health.enter('leaving');
        edge.announceDrain();
        await cluster.leave();
        edge.mute();
        await listener.stop();
      }
      // Everything accepted is answered while the sockets are still there to hear it.
      await rooms.drained();
      if (cluster === null) await edge.taken();
      // So is what other nodes have asked for.
      if (cluster !== null) await runtime.drained();
      await stack.stop();
      listener.cut();
      await store.stop();
      metrics.close();
    },
  };
}
