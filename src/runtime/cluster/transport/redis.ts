/**
 * The pair of Redis connections that the node bus and the room streams share: whatever one node publishes in some order
 * arrives at every other node in that order, across channels, while the connections last.
 *
 * `up` is not believed but measured: a probe goes round through both connections all the time, so a server that hangs, or
 * a connection that is cut silently, counts as lost like one that is closed. Then both connections are made anew, what was
 * on its way is forgotten, and every channel is subscribed again before `onReady` is told.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Log } from '../../../observe/log.js';
import type { Service } from '../../lifecycle.js';
import { createRedisClient, type RedisSettings } from './redis-client.js';

export interface RedisLinksOptions {
  readonly settings: RedisSettings;
  readonly log: Log;
  /** Milliseconds between two probes; three of them unanswered are an outage. Defaults to 400. */
  readonly probeMs?: number;
}

interface Outgoing {
  readonly channel: string;
  readonly text: string;
  readonly heard: ((receivers: number | null) => void) | null;
}

const defaultProbeMs = 400;
/** A stall of our own event loop must not look like an outage, so probes are counted instead of time. */
const probesLost = 3;
/** Characters handed to the connection and not yet confirmed; over it messages are dropped, and their readers repair. */
const inFlightCapacity = 32 * 1024 * 1024;
/** How long `start` waits for Redis; the service starts without it as well. */
const startGraceMs = 1_000;

export class RedisLinks implements Service {
  readonly name = 'redis links';
  /** Begins every channel of this deployment: `<prefix>:…`. */
  readonly prefix: string;
  readonly #options: RedisLinksOptions;
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #probe: string;
  /** By channel: who reads it. As many as there are subscriptions; survives outages. */
  readonly #readers = new Map<string, (text: string) => void>();
  readonly #onReady: (() => void)[] = [];
  readonly #onLost: (() => void)[] = [];
  /** What this turn publishes; empty between turns. */
  #outgoing: Outgoing[] = [];
  #inFlight = 0;
  #dropping = false;
  #up = false;
  /** Told that Redis is away; the next line will be that it is back. */
  #told = false;
  #unanswered = 0;
  #beat: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: RedisLinksOptions) {
    const { settings, log } = options;
    this.#options = options;
    this.prefix = settings.prefix;
    this.#probe = `${settings.prefix}:probe:${randomUUID()}`;
    this.#publisher = createRedisClient(settings, `${settings.prefix}-publisher`, log);
    this.#subscriber = createRedisClient(settings, `${settings.prefix}-subscriber`, log);
    this.#readers.set(this.#probe, () => this.#answered());
    this.#subscriber.on('message', (channel: string, text: string) => this.#readers.get(channel)?.(text));
    this.#subscriber.on('ready', () => this.#resubscribe());
    this.#publisher.on('ready', () => this.#sendProbe());
    for (const client of [this.#publisher, this.#subscriber])
      client.on('close', () => this.#lose('a connection was closed'));
  }

  /** Whether a probe went round lately: what is published now is likely to arrive. */
  get up(): boolean {
    return this.#up;
  }

  /** Called whenever Redis is reachable (again), with every channel subscribed; also at the first time. */
  onReady(listener: () => void): void {
    this.#onReady.push(listener);
  }

  /** Called once per outage. What was published shortly before it may or may not have arrived. */
  onLost(listener: () => void): void {
    this.#onLost.push(listener);
  }

  /** Never rejects: without Redis it goes on trying. */
  async start(): Promise<void> {
    if (this.#beat !== null || this.#stopped) return;
    const first = new Promise<void>((resolve) => {
      this.onReady(resolve);
      setTimeout(resolve, startGraceMs).unref();
    });
    this.#beat = setInterval(() => this.#tick(), this.#options.probeMs ?? defaultProbeMs);
    for (const client of [this.#publisher, this.#subscriber]) client.connect().catch(() => undefined);
    await first;
    if (!this.#up) this.#tell('Redis does not answer: other nodes are reached over the database, later');
  }

  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#flush();
    this.#stopped = true;
    this.#up = false;
    if (this.#beat !== null) clearInterval(this.#beat);
    for (const client of [this.#publisher, this.#subscriber]) client.disconnect();
    return Promise.resolve();
  }

  /**
   * Publishes at the end of this turn of the event loop, with everything else of the turn, in the order of the calls.
   * Never throws; while Redis is away the message is dropped.
   * @param heard told how many subscribers the channel had, or null when that is not known
   * @returns false when it was dropped at once; `heard` is not called then
   */
  publish(channel: string, text: string, heard: ((receivers: number | null) => void) | null = null): boolean {
    if (!this.#up) return false;
    if (this.#inFlight + text.length > inFlightCapacity) {
      if (!this.#dropping)
        this.#options.log.warn({ channel }, 'Redis is too slow: messages to other nodes are dropped');
      this.#dropping = true;
      return false;
    }
    this.#inFlight += text.length;
    if (this.#outgoing.length === 0) setImmediate(() => this.#flush());
    this.#outgoing.push({ channel, text, heard });
    return true;
  }

  /**
   * Reads a channel from now on, through every outage; one reader per channel.
   * Resolves once it is subscribed, or at once while Redis is away (`onReady` tells when it is). Never rejects.
   */
  async subscribe(channel: string, reader: (text: string) => void): Promise<void> {
    this.#readers.set(channel, reader);
    if (this.#subscriber.status !== 'ready') return;
    await this.#subscriber.subscribe(channel).catch((error: unknown) => this.#failed(error));
  }

  unsubscribe(channel: string): void {
    if (!this.#readers.delete(channel) || this.#subscriber.status !== 'ready') return;
    this.#subscriber.unsubscribe(channel).catch((error: unknown) => this.#failed(error));
  }

  #flush(): void {
    const batch = this.#outgoing;
    if (batch.length === 0) return;
    this.#outgoing = [];
    const pipeline = this.#publisher.pipeline();
    for (const { channel, text } of batch) pipeline.publish(channel, text);
    const settle = (results: readonly (readonly [Error | null, unknown])[] | null): void => {
      batch.forEach(({ text, heard }, place) => {
        this.#inFlight -= text.length;
        const [error, receivers] = results?.[place] ?? [null, null];
        heard?.(error === null && typeof receivers === 'number' ? receivers : null);
      });
      if (this.#inFlight < inFlightCapacity / 2) this.#dropping = false;
    };
    pipeline.exec().then(settle, () => settle(null));
  }

  /** A new connection knows no channel. Ready is told by the probe, which is subscribed with them. */
  #resubscribe(): void {
    this.#unanswered = 0;
    this.#subscriber.subscribe(...this.#readers.keys()).then(
      () => this.#sendProbe(),
      (error: unknown) => this.#failed(error),
    );
  }

  #tick(): void {
    if (this.#publisher.status !== 'ready' || this.#subscriber.status !== 'ready') return;
    this.#unanswered += 1;
    if (this.#unanswered > probesLost) this.#renew('Redis does not answer');
    else this.#sendProbe();
  }

  #sendProbe(): void {
    if (this.#publisher.status !== 'ready') return;
    // Not through `publish`: it is the probe that decides whether that is up.
    this.#publisher.publish(this.#probe, '').catch(() => undefined);
  }

  #answered(): void {
    this.#unanswered = 0;
    if (this.#up || this.#stopped || this.#publisher.status !== 'ready') return;
    this.#up = true;
    if (this.#told) this.#options.log.info('Redis is back');
    this.#told = false;
    for (const listener of this.#onReady) listener();
  }

  #failed(error: unknown): void {
    this.#renew(error instanceof Error ? error.message : String(error));
  }

  /** What hangs in a connection must not arrive late: both are cut and made anew. */
  #renew(reason: string): void {
    if (this.#stopped) return;
    this.#lose(reason);
    this.#unanswered = 0;
    for (const client of [this.#publisher, this.#subscriber]) if (client.status === 'ready') client.disconnect(true);
  }

  #lose(reason: string): void {
    if (!this.#up) return;
    this.#up = false;
    this.#tell('Redis is lost: other nodes are reached over the database, later', reason);
    for (const listener of this.#onLost) listener();
  }

  #tell(text: string, reason?: string): void {
    if (!this.#told && !this.#stopped) this.#options.log.warn({ reason }, text);
    this.#told = true;
  }
}
