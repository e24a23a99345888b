/** How the parts are put together. Nothing here decides anything: it names who gets whom, and in which order they live. */
import type { Config } from './config.js';
import { createAccess } from './edge/access.js';
import { createChat } from './edge/chat.js';
import { createDirectory } from './edge/directory.js';
import { createPresence } from './edge/presence.js';
import { createLimits } from './edge/rate-limiter.js';
import { createTokens } from './edge/tokens.js';
import { createHealth } from './http/health.js';
import { Listener } from './http/listener.js';
import { createHttp } from './http/server.js';
import type { Log } from './observe/log.js';
import { createMetrics } from './observe/metrics.js';
import type { Exposition, Snapshot } from './observe/registry.js';
import { RoomRuntime } from './runtime/room-runtime.js';
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
  const rooms = new RoomRuntime({
    config,
    connection,
    node,
    log,
    onWorkerRestart: () => metrics.workerRestarted(),
    onGiveUp,
  });
  const directory = createDirectory({ config, log });
  const tokens = createTokens({ config, onVerified: ({ userId }) => void directory.displayName(userId) });
  const access = createAccess({ config, log });
  const limits = createLimits(config);
  const presence = createPresence({ config, log });
  const chat = createChat({ config, rooms, reads, access, directory, limits, log });
  const health = createHealth({
    checks: {
      database: { run: () => reads.check(), critical: true },
      rooms: {
        run: () => (rooms.serving ? Promise.resolve() : Promise.reject(new Error('suspended'))),
        critical: true,
      },
    },
  });
  const scrape = async (): Promise<Exposition> => metrics.render((await rooms.collect(scrapeTimeoutMs)) as Snapshot[]);
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
  const edge = createSocketEdge({ config, server, chat, tokens, presence, rooms, metrics: edgeMetrics, log });
  const listener = new Listener(server, config.host ?? '0.0.0.0', config.port);
  metrics.watch({ edge: edgeMetrics, mailboxDepths: () => rooms.depths() });
  const stack = new ServiceStack([rooms, presence, edge, listener], log);
  await stack.start();
  health.enter('serving');
  return {
    port: listener.port,
    stop: async () => {
      health.enter('draining');
      edge.drain();
      rooms.drain();
      // Everything accepted is answered while the sockets are still there to hear it.
      await rooms.drained();
      await stack.stop();
      listener.cut();
      await store.stop();
      metrics.close();
    },
  };
}
