/**
 * Brings the outbox to the broker: rows of the partitions that this node holds, oldest first, published, confirmed, and only
 * then deleted. At least once: a batch that is not confirmed as a whole, or whose rows could not be deleted, is sent again
 * with the same ids. In order: events of a room are in one partition, whose rows are published in their order on one
 * channel; a batch sent again starts with its oldest row, so whoever drops repeats sees each room's events in order, also
 * while a former owner of the partition is still at it.
 *
 *   idle ──woken, or poll──▶ read rows ──▶ read messages ──▶ publish ──confirmed──▶ delete ──▶ read rows …
 *    ▲                          │ none                          │ failed
 *    └──────────────────────────┘◀──────── pause ───────────────┘
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Message } from '../../actors/protocol/message.js';
import type { Log } from '../../observe/log.js';
import type { Service } from '../lifecycle.js';
import { eventsOf, type OutboxEntry } from './integration-events.js';
import type { Outbox, OutboxStats } from './outbox.js';
import type { Publisher } from './publisher.js';

export interface RelayOptions {
  readonly outbox: Pick<Outbox, 'batch' | 'messages' | 'done' | 'stats' | 'close' | 'sessions'>;
  readonly publisher: Pick<Publisher, 'ready' | 'whenReady' | 'release' | 'publish'>;
  /** The partitions that this node holds now. */
  readonly held: () => Iterable<number>;
  readonly log: Log;
  /** After a failure, doubled with each further one. Defaults to 100 ms. */
  readonly firstPauseMs?: number;
}

/** Rows read at once of one partition, so that a full one does not keep the others waiting. */
const rowsPerPartition = 64;
/** Messages published and confirmed at once. One row may bring more: as many as a frame holds. */
const messagesPerBatch = 250;
/**
 * The sockets of the chat are served by the same event loop, and come first: while it is busier than this share of the time,
 * the relay leaves it alone for so many times as long as its batch took, and the outbox may grow.
 */
const busy = 0.8;
const busyPauses = 4;
/** What came in meanwhile is sent together. In ms. */
const lingerMs = 10;
/** Rows of other nodes' frames, or of an earlier owner, are found this late at most. In ms. */
const pollMs = 1_000;
const longestPauseMs = 5_000;
const statsEveryMs = 2_000;

export class Relay implements Service {
  readonly name = 'outbox relay';
  readonly #options: RelayOptions;
  /** Where each partition's deleted rows end. As many entries as there are partitions. */
  readonly #positions = new Map<number, number>();
  /** The session under which the positions were learnt. */
  #session = 0;
  #running: Promise<void> | null = null;
  #stop = new AbortController();
  #woken = false;
  #wake: () => void = () => undefined;
  #stats: { at: number; value: OutboxStats } = { at: -Infinity, value: { depth: 0, oldestAge: 0 } };

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (this.#running === null) {
      this.#stop = new AbortController();
      this.#running = this.#run(this.#stop.signal);
    }
    return Promise.resolve();
  }

  /** Does not wait for the broker: what is not sent stays in the outbox, for another node or the next start. */
  async stop(): Promise<void> {
    if (this.#running === null) return;
    this.#stop.abort();
    this.#options.publisher.release();
    this.#wake();
    await this.#running;
    this.#running = null;
    await this.#options.outbox.close();
  }

  /** Something was committed. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Depth and age of what waits in this node's partitions, a moment old; as last known while the database is away. */
  async stats(): Promise<OutboxStats> {
    if (performance.now() - this.#stats.at < statsEveryMs) return this.#stats.value;
    this.#stats.at = performance.now();
    try {
      this.#stats.value = await this.#options.outbox.stats(this.#options.held());
    } catch {
      // Told by the relay itself, which needs the database as well.
    }
    return this.#stats.value;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { publisher, log, firstPauseMs = 100 } = this.#options;
    let pauseMs = firstPauseMs;
    let failing = false;
    while (!signal.aborted) {
      try {
        await publisher.whenReady();
        if (signal.aborted) return;
        if (!publisher.ready) continue;
        this.#woken = false;
        const sent = await this.#round(signal);
        if (failing) log.info('the outbox is relayed again');
        failing = false;
        pauseMs = firstPauseMs;
        if (sent === 0) await this.#idle(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!failing)
          log.warn({ err: error instanceof Error ? error.message : String(error) }, 'the outbox is not relayed');
        failing = true;
        await pause(pauseMs, signal);
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
  }

  /** How many rows were sent. */
  async #round(signal: AbortSignal): Promise<number> {
    const { outbox, held } = this.#options;
    const after = new Map<number, number>();
    for (const partition of held()) after.set(partition, this.#positions.get(partition) ?? 0);
    if (after.size === 0) return 0;
    const entries = await outbox.batch(after, rowsPerPartition);
    if (outbox.sessions !== this.#session) {
      // After a crash of the server rows may be back that were sent: they are sent again, before what came later.
      this.#session = outbox.sessions;
      this.#positions.clear();
      return 1;
    }
    for (const some of batches(entries)) {
      if (signal.aborted) break;
      const before = performance.eventLoopUtilization();
      const startedAt = performance.now();
      await this.#send(some);
      if (performance.eventLoopUtilization(before).utilization > busy)
        await pause(Math.min(longestPauseMs, (performance.now() - startedAt) * busyPauses), signal);
    }
    return entries.length;
  }

  async #send(entries: readonly OutboxEntry[]): Promise<void> {
    const { outbox, publisher } = this.#options;
    const messages: readonly (readonly Message[])[] = await outbox.messages(entries);
    await publisher.publish(entries.flatMap((entry, i) => eventsOf(entry, messages[i] ?? [])));
    const upTo = new Map<number, number>();
    for (const { partition, position } of entries) upTo.set(partition, position);
    await outbox.done(
      [...upTo].map(([partition, last]) => ({ partition, after: this.#positions.get(partition) ?? 0, upTo: last })),
    );
    for (const [partition, last] of upTo) this.#positions.set(partition, last);
  }

  async #idle(signal: AbortSignal): Promise<void> {
    if (!this.#woken) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const timer = setTimeout(this.#wake, pollMs);
      await woken;
      clearTimeout(timer);
    }
    await pause(lingerMs, signal);
  }
}

/** Cuts rows where enough messages are together; a partition's rows stay in order. */
function* batches(entries: readonly OutboxEntry[]): Iterable<OutboxEntry[]> {
  let some: OutboxEntry[] = [];
  let messages = 0;
  for (const entry of entries) {
    some.push(entry);
    messages += entry.kind === 'created' ? entry.to - entry.from + 1 : 1;
    if (messages < messagesPerBatch) continue;
    yield some;
    some = [];
    messages = 0;
  }
  if (some.length > 0) yield some;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
