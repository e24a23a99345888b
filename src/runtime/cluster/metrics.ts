/** What the cluster counts, as metrics: plain numbers of its parts, read when somebody scrapes. */
import { Counter, Gauge, Registry } from 'prom-client';
import { prefix, snapshotOf, type Snapshot } from '../../observe/registry.js';
import type { BusCounts } from './bus.js';
import type { StreamMetrics } from './stream-metrics.js';

export interface ClusterSources {
  readonly bus: BusCounts;
  readonly stream: StreamMetrics;
  nodes(): number;
  held(): number;
  parked(): number;
  redisUp(): boolean;
}

export interface ClusterMetrics {
  snapshot(): Promise<Snapshot>;
}

export function createClusterMetrics(sources: ClusterSources): ClusterMetrics {
  const registry = new Registry();
  const registers = [registry];
  const { bus, stream } = sources;

  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `${prefix}cluster_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name: `${prefix}cluster_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };

  gauge('nodes', 'Living nodes that this one sees, itself included', () => sources.nodes());
  gauge('partitions_held', 'Partitions held by this node', () => sources.held());
  gauge('commands_parked', 'Commands that wait for an owner of their partition', () => sources.parked());
  gauge('redis_up', 'Whether Redis answers: 1 or 0', () => Number(sources.redisUp()));
  counter('commands_sent', 'Commands sent to other nodes', () => bus.sent);
  counter('commands_received', 'Commands received from other nodes', () => bus.received);
  counter('commands_unanswered', 'Commands sent to other nodes and not answered in time', () => bus.unanswered);
  counter('stream_published', 'Messages of room streams given to Redis', () => stream.published);
  counter('stream_received', 'Messages of room streams that arrived', () => stream.received);
  counter('stream_refused', 'Messages of room streams that were refused as malformed', () => stream.refused);
  counter('stream_former_owner', 'Bursts of nodes that no longer held the partition', () => stream.formerOwner);
  counter('stream_holes', 'Holes found in the streams of rooms', () => stream.holes);
  counter('stream_repairs', 'Holes filled from the store', () => stream.repairs);
  counter('stream_resyncs', 'Holes announced by resync_required', () => stream.resyncs);
  new Counter({
    name: `${prefix}cluster_messages_dropped_total`,
    help: 'Node messages that were dropped on arrival, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(bus.dropped)) this.inc({ reason }, count);
    },
  });

  return { snapshot: () => snapshotOf(registry) };
}
