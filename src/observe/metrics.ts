/**
 * The metrics of the main thread, and the one exposition of the whole process. What is counted on hot paths are plain
 * numbers, read when somebody scrapes; no label takes a value that a client chooses.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { rejections, type RejectionCode } from '../actors/rejections.js';
import { watchLoopDelay } from './loop-delay.js';
import { merge, prefix, snapshotOf, type Exposition, type Snapshot } from './registry.js';

/** What the Socket.IO edge counts for itself, read at a scrape. */
export interface EdgeCounts {
  /** Events answered with success. */
  readonly acks: number;
  readonly refusals: ReadonlyMap<RejectionCode, number>;
  /** Connected now. */
  readonly sockets: number;
  readonly shedBroadcasts: number;
  readonly slowCloses: number;
  readonly refusedConnections: number;
  readonly gaps: number;
}

/** What the reads of history count for themselves. */
export interface ReadCounts {
  /** By where they came from. */
  readonly pages: Readonly<Record<'memory' | 'store' | 'shared', number>>;
  /** Under way. */
  readonly catchUps: number;
}

/** What is measured by asking, at a scrape. */
export interface Sources {
  readonly edge: EdgeCounts;
  reads(): ReadCounts;
  /** Commands waiting per shard, by shard number. */
  mailboxDepths(): readonly number[];
}

export interface Metrics {
  /**
   * A REST request was answered.
   * @param route the template of the route, never the path itself
   * @param refusal the code of its refusal, if it was refused
   */
  requested(method: string, route: string, status: number, refusal: RejectionCode | null): void;
  workerRestarted(): void;
  /** Where the rest comes from; until it is called it counts as nothing. */
  watch(sources: Sources): void;
  /** The exposition of this thread and of the workers that answered. */
  render(workers: readonly Snapshot[]): Promise<Exposition>;
  close(): void;
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);
const methods = new Set([...reading, 'POST', 'PUT', 'PATCH', 'DELETE']);
/** Different (method, route, status) kept; over it further ones count as one series with `other` everywhere. */
const requestSeries = 500;

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const unwatch = watchLoopDelay(registry, 'main');
  const counts = { acked: 0, restarted: 0 };
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
  const edge = (read: (counted: EdgeCounts) => number) => () => (sources === null ? 0 : read(sources.edge));
  counter(
    'message_acks_total',
    'Socket.IO events and changing REST requests answered with success, committed where durable',
    () => counts.acked + edge(({ acks }) => acks)(),
  );
  counter(
    'shed_broadcasts_total',
    'Ephemeral broadcasts left out for slow sockets',
    edge(({ shedBroadcasts }) => shedBroadcasts),
  );
  counter(
    'slow_socket_closes_total',
    'Sockets closed for reading too slowly',
    edge(({ slowCloses }) => slowCloses),
  );
  counter(
    'refused_connections_total',
    'Connections refused before their handshake: too many, or draining',
    edge(({ refusedConnections }) => refusedConnections),
  );
  counter(
    'version_gaps_total',
    'Holes in the stream of a room that were announced by resync_required',
    edge(({ gaps }) => gaps),
  );
  counter('worker_restarts_total', 'Worker threads replaced', () => counts.restarted);
  new Counter({
    name: `${prefix}refusals_total`,
    help: 'Refusals by code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of refusals) this.inc({ code }, count + (sources?.edge.refusals.get(code) ?? 0));
    },
  });
  new Counter({
    name: `${prefix}history_pages_total`,
    help: 'Pages of history by where they came from',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      for (const [source, count] of Object.entries(sources?.reads().pages ?? {})) this.inc({ source }, count);
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
      this.set(sources?.edge.sockets ?? 0);
    },
  });
  new Gauge({
    name: `${prefix}catch_up_streams`,
    help: 'Catch-ups that are being streamed',
    registers,
    collect() {
      this.set(sources?.reads().catchUps ?? 0);
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
    requested(method, route, status, refusal) {
      if (refusal !== null) refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
      else if (status < 300 && !reading.has(method)) counts.acked += 1;
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
    workerRestarted() {
      counts.restarted += 1;
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
