/** Everything that has to do with RabbitMQ, as one service: the connection, the relay of the outbox, the inbound commands. */
import { setTimeout as wait } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Config } from '../../config.js';
import { createBrokerMetrics } from '../../observe/broker-metrics.js';
import type { Log } from '../../observe/log.js';
import type { Snapshot } from '../../observe/registry.js';
import type { Service } from '../lifecycle.js';
import type { Rooms } from '../rooms.js';
import type { ReadStore } from '../store/port.js';
import type { ConnectionSettings } from '../store/postgres/connection.js';
import { Inbound } from './inbound.js';
import { BrokerLink } from './link.js';
import { Outbox } from './outbox.js';
import { Publisher } from './publisher.js';
import { Relay } from './relay.js';
import { Revocations } from './revocations.js';

export interface BrokerOptions {
  readonly config: Pick<
    Config,
    | 'rabbitmqExchange'
    | 'rabbitmqQueue'
    | 'rabbitmqPrefetch'
    | 'frameDeadlineMs'
    | 'idMaxLength'
    | 'messageIdsMax'
    | 'bodyMaxBytes'
  >;
  readonly url: string;
  readonly connection: ConnectionSettings;
  /** The partitions that this node holds now; their events are sent from here. */
  readonly held: () => Iterable<number>;
  readonly rooms: Pick<Rooms, 'ask'>;
  readonly reads: Pick<ReadStore, 'locate'>;
  readonly onRevoked: (key: RoomKey) => void;
  readonly onAllRevoked: () => void;
  readonly log: Log;
}

const stallMs = 10_000;
const lastBatchMs = 1_000;

export class Broker implements Service {
  readonly name = 'broker';
  readonly #link: BrokerLink;
  readonly #relay: Relay;
  readonly #metrics: ReturnType<typeof createBrokerMetrics>;

  constructor(options: BrokerOptions) {
    const { config, url, connection, held, rooms, reads, onRevoked, onAllRevoked, log } = options;
    const exchange = config.rabbitmqExchange ?? 'message.events';
    const queue = config.rabbitmqQueue ?? 'message.broadcast';
    const publisher = new Publisher({ exchange, stallMs, log });
    const inbound = new Inbound({
      exchange,
      queue,
      prefetch: config.rabbitmqPrefetch,
      limits: config,
      rooms,
      reads,
      onRevoked,
      newId: uuidv7,
      log,
    });
    const revocations = new Revocations({ exchange, limits: config, onRevoked, onAllRevoked });
    this.#link = new BrokerLink({ url, parts: [publisher, revocations, inbound], log });
    const outbox = new Outbox({ connection, deadlineMs: config.frameDeadlineMs, log });
    this.#relay = new Relay({ outbox, publisher, held, log });
    this.#metrics = createBrokerMetrics({
      stats: () => this.#relay.stats(),
      counts: () => ({
        published: publisher.published,
        returned: publisher.returned,
        connections: this.#link.connections,
        ...inbound.counts,
      }),
      up: () => this.#link.up,
    });
  }

  async start(): Promise<void> {
    await this.#link.start();
    await this.#relay.start();
  }

  async stop(): Promise<void> {
    const relayed = this.#relay.stop();
    // A batch on its way may still be confirmed; a broker that says nothing must not keep the process.
    await Promise.race([relayed, wait(lastBatchMs, undefined, { ref: false })]);
    await this.#link.stop();
    await relayed;
    this.#metrics.close();
  }

  /** A frame was committed: there may be something to send. */
  wake(): void {
    this.#relay.wake();
  }

  /** Rejects while the broker is away or takes nothing; the chat goes on meanwhile. */
  check(): Promise<void> {
    return this.#link.up ? Promise.resolve() : Promise.reject(new Error('the broker is away'));
  }

  snapshot(): Promise<Snapshot> {
    return this.#metrics.snapshot();
  }
}
