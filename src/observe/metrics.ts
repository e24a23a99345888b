/**
 * The metrics of the main thread, and the one exposition of the whole process. What is counted on hot paths are plain
 * numbers, read when somebody scrapes; no label takes a value that a client chooses.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { rejections, type RejectionCode } from '../actors/rejections.js';
import { watchLoopDelay } from './loop-delay.js';
import { merge, prefix, snapshotOf, type Exposition, type Snapshot } from './registry.js';

/** What is measured by asking, at a scrape. */
export interface Sources {
  /** Connected sockets. */
  sockets(): number;
  /** Commands waiting per shard, by shard number. */
  mailboxDepths(): readonly number[];
}

export interface Metrics {
  /** Sends, edits, deletes and the like that were answered with success. */
  acked(count: number): void;
  refused(code: RejectionCode): void;
  /** Ephemeral broadcasts left out for slow sockets. */
  shed(count: number): void;
  /** A socket was closed because it read too slowly. */
  slowClosed(): void;
  workerRestarted(): void;
  /** A REST request was answered. @param route the template of the route, never the path itself */
  requested(method: string, route: string, status: number): void;
  /** Where the gauges come from; until it is called they are absent. */
  watch(sources: Sources): void;
  /** The exposition of this thread and of the workers that answered. */
  render(workers: readonly Snapshot[]): Promise<Exposition>;
  close(): void;
}

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']);
/** Different (method, route, status) kept; over it further ones count as one series with `other` everywhere. */
const requestSeries = 500;

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const unwatch = watchLoopDelay(registry, 'main');
  const counts = { acked: 0, shed: 0, slowClosed: 0, restarted: 0 };
  const refusals = new Map<RejectionCode, number>();
  for (const code of Object.keys(rejections) as RejectionCode[]) refusals.set(code, 0);
  const requests = new Map<string, { labels: Record<'method' | 'route' | 'status', string>; count: number }>();
  let sources: Sources | null = null;

  collectDefaultMetrics({ register: registry, prefix });

  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  counter('message_acks_total', 'Commands answered with success, committed where durable', () => counts.acked);
  counter('shed_broadcasts_total', 'Ephemeral broadcasts left out for slow sockets', () => counts.shed);
  counter('slow_socket_closes_total', 'Sockets closed for reading too slowly', () => counts.slowClosed);
  counter('worker_restarts_total', 'Worker threads replaced', () => counts.restarted);
  new Counter({
    name: `${prefix}refusals_total`,
    help: 'Refusals by code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of refusals) this.inc({ code }, count);
    },
  });
  new Counter({
    name: `${prefix}http_requests_total`,
    help: 'REST requests by route template',
    labelNames: ['method', 'route', 'status'],
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of requests.values()) this.inc(labels, count);
    },
  });
  new Gauge({
    name: `${prefix}sockets`,
    help: 'Connected sockets',
    registers,
    collect() {
      if (sources !== null) this.set(sources.sockets());
    },
  });
  new Gauge({
    name: `${prefix}mailbox_depth`,
    help: 'Commands waiting for their shard',
    labelNames: ['shard'],
    registers,
    collect() {
      sources?.mailboxDepths().forEach((depth, shard) => this.set({ shard }, depth));
    },
  });

  return {
    acked(count) {
      counts.acked += count;
    },
    refused(code) {
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
    },
    shed(count) {
      counts.shed += count;
    },
    slowClosed() {
      counts.slowClosed += 1;
    },
    workerRestarted() {
      counts.restarted += 1;
    },
    requested(method, route, status) {
      let labels = { method: methods.has(method) ? method : 'other', route, status: String(status) };
      let key = `${labels.method} ${route} ${status}`;
      if (!requests.has(key) && requests.size >= requestSeries) {
        labels = { method: 'other', route: 'other', status: 'other' };
        key = 'other';
      }
      const known = requests.get(key);
      if (known === undefined) requests.set(key, { labels, count: 1 });
      else known.count += 1;
    },
    watch(from) {
      sources = from;
    },
    async render(workers) {
      return merge([await snapshotOf(registry), ...workers]);
    },
    close() {
      unwatch();
      registry.clear();
    },
  };
}
