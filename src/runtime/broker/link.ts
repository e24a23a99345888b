/**
 * The connection to RabbitMQ. It is made in the background and made again for ever: nothing of the service waits for it.
 * What is done over it lies in parts, which are opened anew on every connection; whatever goes wrong with one of them ends
 * the connection, and the next one starts from nothing.
 *
 *   down ──connected──▶ opening ──all parts open──▶ up
 *    ▲                     │ failed, too slow         │ closed, stalled, a channel died
 *    └─────────────────────┴──────────────────────────┘
 */
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, type ChannelModel, type RecoveringChannelModel } from 'amqplib';
import type { Log } from '../../observe/log.js';
import type { Service } from '../lifecycle.js';

/** Something that lives on a connection. */
export interface BrokerPart {
  readonly name: string;
  /**
   * On a fresh connection: channels, topology, consumers. A rejection ends the connection.
   * @param fail ends the connection later, when something of the part broke
   */
  open(model: ChannelModel, fail: (reason: string) => void): Promise<void>;
  /** The connection is gone, whether or not the part was open. */
  close(): void;
  /** The broker takes nothing for now (memory or disk alarm), or takes again. */
  blocked?(blocked: boolean): void;
}

export interface BrokerLinkOptions {
  readonly url: string;
  readonly parts: readonly BrokerPart[];
  readonly log: Log;
}

const connectTimeoutMs = 5_000;
const openTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;
/** Silence of two of them is taken for death, unless the URL says otherwise. */
const heartbeatSeconds = 5;
const recovery = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.3, waitForConnect: false };

export class BrokerLink implements Service {
  readonly name = 'broker';
  readonly #options: BrokerLinkOptions;
  #handle: RecoveringChannelModel | null = null;
  #model: ChannelModel | null = null;
  #up = false;
  #blocked = false;
  /** The outage was told; its further failures are not. */
  #told = false;
  connections = 0;

  constructor(options: BrokerLinkOptions) {
    this.#options = options;
  }

  /** Whether all parts are open and the broker takes messages. */
  get up(): boolean {
    return this.#up && !this.#blocked;
  }

  /** Does not wait for the broker. */
  async start(): Promise<void> {
    if (this.#handle !== null) return;
    const { log } = this.#options;
    const handle = await connect(withHeartbeat(this.#options.url), {
      timeout: connectTimeoutMs,
      keepAlive: true,
      clientProperties: { connection_name: 'message-handling-service' },
      recovery,
    });
    this.#handle = handle;
    // A connection's own errors come again as its end.
    handle.on('error', (error: Error) => log.debug({ err: error.message }, 'the broker connection reported an error'));
    handle.on('handler-error', (error: Error) =>
      log.error({ err: error }, 'a listener of the broker connection threw'),
    );
    handle.on('connect-failed', (error: Error) => this.#tell(error));
    handle.on('connect', (model: ChannelModel) => void this.#open(model));
    handle.on('disconnect', (error: Error) => {
      this.#closed();
      this.#tell(error);
    });
    handle.on('blocked', () => this.#block(true));
    handle.on('unblocked', () => this.#block(false));
  }

  async stop(): Promise<void> {
    const handle = this.#handle;
    const model = this.#model;
    this.#handle = null;
    if (handle === null) return;
    this.#closed();
    // A broker that does not answer must not keep the process.
    await Promise.race([handle.close(), wait(closeTimeoutMs)]);
    if (model !== null) destroy(model, 'stopped');
  }

  async #open(model: ChannelModel): Promise<void> {
    const { parts, log } = this.#options;
    this.#model = model;
    this.connections += 1;
    const fail = (reason: string): void => {
      if (this.#model !== model) return;
      log.warn({ reason }, 'the broker connection is ended');
      this.#up = false;
      destroy(model, reason);
    };
    const timer = setTimeout(() => fail('the broker did not set everything up in time'), openTimeoutMs);
    try {
      for (const part of parts) await part.open(model, fail);
      if (this.#model !== model) return;
      this.#up = true;
      this.#told = false;
      log.info({ connections: this.connections }, 'connected to the broker');
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #closed(): void {
    this.#model = null;
    this.#up = false;
    this.#blocked = false;
    for (const part of this.#options.parts) part.close();
  }

  #block(blocked: boolean): void {
    this.#blocked = blocked;
    this.#options.log.warn({ blocked }, 'the broker changed whether it takes messages');
    for (const part of this.#options.parts) part.blocked?.(blocked);
  }

  #tell(error: Error): void {
    if (this.#told) return;
    this.#told = true;
    this.#options.log.warn({ err: error.message }, 'the broker is away, events wait in the outbox');
  }
}

/** Ends the socket, whatever state the connection is in; amqplib notices, and tells `disconnect`. */
function destroy(model: ChannelModel, reason: string): void {
  socketOf(model)?.destroy(new Error(reason));
}

/** The socket under a connection, which amqplib does not show in its types; null should it ever be elsewhere. */
export function socketOf({ connection }: ChannelModel): Socket | null {
  return 'stream' in connection && connection.stream instanceof Socket ? connection.stream : null;
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(heartbeatSeconds));
  return parsed.href;
}
