/** The metrics of the broker: read at a scrape, from plain numbers and from one query over the outbox. */
import { Counter, Gauge, Registry } from 'prom-client';
import { prefix, snapshotOf, type Snapshot } from './registry.js';

export interface BrokerCounts {
  /** Events that the broker confirmed, and those of them for which nobody has a queue. */
  readonly published: number;
  readonly returned: number;
  readonly connections: number;
  /** Inbound commands by how they ended, and how often one was tried again. */
  readonly applied: number;
  readonly refused: number;
  readonly dead: number;
  readonly retried: number;
}

export interface BrokerSources {
  readonly counts: () => BrokerCounts;
  readonly stats: () => Promise<{ readonly depth: number; readonly oldestAge: number }>;
  readonly up: () => boolean;
}

export interface BrokerMetrics {
  snapshot(): Promise<Snapshot>;
  close(): void;
}

export function createBrokerMetrics({ counts, stats, up }: BrokerSources): BrokerMetrics {
  const registry = new Registry();
  const registers = [registry];
  let read = { depth: 0, oldestAge: 0 };
  const counter = (name: string, help: string, count: keyof BrokerCounts): void => {
    new Counter({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(counts()[count]);
      },
    });
  };
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  gauge('outbox_depth', 'Rows of this node’s partitions that wait for the broker', () => read.depth);
  gauge('outbox_oldest_age_seconds', 'How long the oldest of them has waited', () => read.oldestAge);
  gauge('broker_up', 'Whether the broker is connected and takes messages', () => (up() ? 1 : 0));
  counter('published_total', 'Integration events that the broker confirmed', 'published');
  counter('returned_total', 'Integration events for which no queue was bound', 'returned');
  counter('broker_connections_total', 'Connections made to the broker', 'connections');
  counter('inbound_retries_total', 'Inbound commands tried again', 'retried');
  new Counter({
    name: `${prefix}inbound_total`,
    help: 'Inbound commands by how they ended; dead ones are in the dead-letter queue',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      const { applied, refused, dead } = counts();
      this.inc({ result: 'applied' }, applied);
      this.inc({ result: 'refused' }, refused);
      this.inc({ result: 'dead' }, dead);
    },
  });

  return {
    async snapshot() {
      read = await stats();
      return snapshotOf(registry);
    },
    close() {
      registry.clear();
    },
  };
}
