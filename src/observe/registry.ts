/** What the two metric registries share: the prefix of every name, and how a registry travels between threads. */
import type { Registry } from 'prom-client';
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';

/** Every metric of this service starts like this. */
export const prefix = 'dinguscord_messages_';

/** One registry's metrics as plain data: it crosses a MessagePort. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface Exposition {
  readonly contentType: string;
  /** Prometheus text format 0.0.4. */
  readonly body: string;
}

export async function snapshotOf(registry: Registry): Promise<Snapshot> {
  return registry.getMetricsAsJSON();
}

/**
 * One exposition out of several registries. Each thread's series differ in the label `worker`, so nothing is aggregated
 * in truth; prom-client's own rules, made for clusters, would leave metrics such as the start time out.
 */
export async function merge(snapshots: readonly Snapshot[]): Promise<Exposition> {
  const merged = AggregatorRegistry.aggregate(
    snapshots.map((snapshot) => snapshot.map((metric) => ({ ...metric, aggregator: 'sum' as const }))),
  );
  return { contentType: merged.contentType, body: await merged.metrics() };
}
