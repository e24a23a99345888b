/**
 * The protocol of the cluster, in prose and as a picture, is at the top of `port.ts`.
 *
 * A node beside others, put together: who is there and who holds what (membership, steward), commands between nodes
 * (transport, bus, router), events between nodes (streams, direct relay). Nothing is decided here but the order: in which
 * the parts live, and in which they hear of a frame.
 */
import type { Config } from '../../config.js';
import type { Log } from '../../observe/log.js';
import type { Snapshot } from '../../observe/registry.js';
import { createAdapter } from '@socket.io/redis-adapter';
import type { Service } from '../lifecycle.js';
import type { RoomRuntime } from '../room-runtime.js';
import type { StreamEdge } from '../rooms.js';
import type { ConnectionSettings } from '../store/postgres/connection.js';
import type { ReadStore } from '../store/port.js';
import { CommandBus } from './bus.js';
import { DirectRelay } from './direct.js';
import { PostgresMembership } from './membership.js';
import { createClusterMetrics, type ClusterMetrics } from './metrics.js';
import { Receiver } from './receiver.js';
import { Router } from './router.js';
import { Steward } from './steward.js';
import { RedisRoomStream } from './stream.js';
import { placed } from './stream-codec.js';
import { createStreamMetrics } from './stream-metrics.js';
import { AdapterClients } from './transport/adapter-clients.js';
import { EitherTransport } from './transport/either.js';
import { PostgresTransport } from './transport/postgres.js';
import type { RedisSettings } from './transport/redis-client.js';
import { RedisTransport } from './transport/redis-transport.js';
import { RedisLinks } from './transport/redis.js';

export interface ClusterOptions {
  readonly config: Config;
  readonly redis: RedisSettings;
  readonly connection: ConnectionSettings;
  readonly node: string;
  /** Not alone, and not started. */
  readonly runtime: RoomRuntime;
  readonly reads: ReadStore;
  readonly log: Log;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #links: RedisLinks;
  readonly #adapterClients: AdapterClients;
  readonly #membership: PostgresMembership;
  readonly #steward: Steward;
  readonly #transport: EitherTransport;
  readonly #bus: CommandBus;
  readonly #router: Router;
  readonly #streamMetrics = createStreamMetrics();
  readonly #metrics: ClusterMetrics;
  #stream: RedisRoomStream | null = null;
  #relay: DirectRelay | null = null;

  constructor(options: ClusterOptions) {
    const { config, redis, connection, node, runtime, log } = options;
    const { partitions } = config;
    this.#options = options;
    this.#links = new RedisLinks({ settings: redis, log });
    this.#adapterClients = new AdapterClients(redis, (listener) => this.#links.onLost(listener), log);
    this.#membership = new PostgresMembership({
      connection,
      self: node,
      partitions,
      pollMs: config.clusterPollMs,
      staleMs: config.nodeStaleMs,
      log,
    });
    const membership = this.#membership;
    this.#steward = new Steward({
      self: node,
      membership,
      rooms: runtime,
      times: { takeOverStepMs: config.takeOverStepMs, stableMs: config.handoverStableMs, staleMs: config.nodeStaleMs },
      lookMs: config.clusterPollMs,
      log,
    });
    this.#transport = new EitherTransport(
      new RedisTransport(this.#links, node),
      new PostgresTransport({ connection, node, log }),
    );
    // First to hear of a frame: its replies leave before its bursts.
    this.#bus = new CommandBus({
      node,
      partitions,
      transport: this.#transport,
      local: runtime,
      capacity: config.mailboxCapacity,
      log,
    });
    this.#router = new Router({
      node,
      partitions,
      local: runtime,
      bus: this.#bus,
      membership,
      stream: { follow: (key) => this.#stream?.follow(key) ?? Promise.resolve() },
      replyDeadlineMs: config.replyDeadlineMs,
      capacity: config.mailboxCapacity,
      log,
    });
    this.#metrics = createClusterMetrics({
      bus: this.#bus.counts,
      stream: this.#streamMetrics,
      nodes: () => membership.view.nodes.length,
      held: () => runtime.held.size,
      parked: () => this.#router.parked,
      redisUp: () => this.#links.up,
    });
  }

  /** What the edges know of the runtime. `attach` is the cluster's own call: see `connect`. */
  get rooms(): Router {
    return this.#router;
  }

  /** What the Socket.IO edge knows of other nodes. */
  get sockets() {
    const { publisher, subscriber } = this.#adapterClients;
    return {
      node: this.#options.node,
      adapter: createAdapter(publisher, subscriber, { key: `${this.#links.prefix}:sockets` }),
      bind: (emit: (text: string) => void) => this.#relay?.bind(emit),
      receive: (given: unknown) => this.#relay?.receive(given),
      personal: (userId: string, packet: string) => this.#relay?.personal(userId, packet),
    };
  }

  /** Everything but the runtime, which belongs between `before` and `after`. */
  services(edge: StreamEdge): { readonly before: readonly Service[]; readonly after: readonly Service[] } {
    const { stream, relay } = this.#connect(edge);
    return {
      before: [this.#links, this.#membership],
      after: [this.#transport, this.#bus, stream, relay, this.#adapterClients, this.#router, this.#steward],
    };
  }

  /**
   * Resolves once nobody needs this node any more: others hold its partitions, or there are no others; or when half of
   * SHUTDOWN_GRACE_MS is over, and the rest is better spent on closing.
   */
  async leave(): Promise<void> {
    const { config, log } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), config.shutdownGraceMs / 2);
    });
    if (await Promise.race([this.#handOver().then(() => false), late]))
      log.warn({ held: this.#options.runtime.held.size }, 'not all partitions were handed over in time');
    clearTimeout(timer);
  }

  async #handOver(): Promise<void> {
    const { node, runtime } = this.#options;
    await this.#membership.drain();
    const done = (): boolean => {
      const others = this.#membership.view.nodes.some(({ id, draining }) => id !== node && !draining);
      return runtime.held.size === 0 || !others;
    };
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (done()) resolve();
      };
      runtime.onHeld(look);
      this.#membership.onChange(look);
      look();
    });
  }

  snapshot(): Promise<Snapshot> {
    return this.#metrics.snapshot();
  }

  /** Between the runtime and the edge stands the receiver: it lets through what follows what sockets have seen. */
  #connect(edge: StreamEdge): { readonly stream: RedisRoomStream; readonly relay: DirectRelay } {
    const { config, node, runtime, reads, log } = this.#options;
    const { partitions, catchUpMessages } = config;
    const links = this.#links;
    const membership = this.#membership;
    const metrics = this.#streamMetrics;
    const receiver = new Receiver({ edge, reads, partitions, catchUpMessages, metrics, log });
    const stream = new RedisRoomStream({ node, partitions, links, membership, local: runtime, receiver, metrics, log });
    const relay = new DirectRelay({ node, partitions, links, membership, edge, receiver, metrics, log });
    this.#stream = stream;
    this.#relay = relay;
    this.#router.attach(receiver);
    // Last to hear of a frame.
    runtime.onFrame((bursts) => {
      const leaving = bursts.map(placed);
      stream.publish(leaving);
      relay.publish(leaving);
    });
    return { stream, relay };
  }
}
