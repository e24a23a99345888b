/**
 * The two Redis clients of `@socket.io/redis-adapter`, made safe for it: the adapter catches no rejection of what it
 * publishes or subscribes and never subscribes again, so that is done here. An outage drops its messages, nothing else.
 */
import type { Redis } from 'ioredis';
import type { Log } from '../../../observe/log.js';
import type { Service } from '../../lifecycle.js';
import { createRedisClient, type RedisSettings } from './redis-client.js';

type Listener = (...given: unknown[]) => unknown;
type Names = readonly (string | Buffer)[];

/** One line of what was refused per this time. */
const quietMs = 10_000;

export class AdapterClients implements Service {
  readonly name = 'adapter clients';
  /** As the adapter sees them: what they do never rejects. */
  readonly publisher: Redis;
  readonly subscriber: Redis;
  readonly #clients: readonly Redis[];
  /** What the adapter reads; a handful of names per namespace. */
  readonly #channels = new Set<string>();
  readonly #patterns = new Set<string>();
  /** By the adapter's own listener: the one that is registered instead. */
  readonly #listeners = new WeakMap<Listener, Listener>();
  readonly #log: Log;
  #refusedAt = -Infinity;
  #started = false;

  /** @param onLost called back when Redis is found to hang, or to be cut off: its connections are then made anew */
  constructor(settings: RedisSettings, onLost: (listener: () => void) => void, log: Log) {
    this.#log = log;
    const publisher = createRedisClient(settings, `${settings.prefix}-adapter-publisher`, log);
    const subscriber = createRedisClient(settings, `${settings.prefix}-adapter-subscriber`, log);
    this.#clients = [publisher, subscriber];
    this.publisher = replaced(publisher, {
      publish: (channel: string, message: string | Buffer) => publisher.publish(channel, message).catch(() => 0),
    });
    this.subscriber = replaced(subscriber, {
      subscribe: (...names: (string | Names)[]) => {
        for (const name of names.flat()) this.#channels.add(String(name));
        return this.#subscribe(subscriber);
      },
      psubscribe: (...names: (string | Names)[]) => {
        for (const name of names.flat()) this.#patterns.add(String(name));
        return this.#subscribe(subscriber);
      },
      on: (event: string, listener: Listener) => subscriber.on(event, this.#safe(event, listener)),
      off: (event: string, listener: Listener) => subscriber.off(event, this.#safe(event, listener)),
    });
    subscriber.on('ready', () => void this.#subscribe(subscriber));
    onLost(() => {
      for (const client of this.#clients) if (client.status === 'ready') client.disconnect(true);
    });
  }

  /** Does not wait for Redis. */
  start(): Promise<void> {
    if (!this.#started) for (const client of this.#clients) client.connect().catch(() => undefined);
    this.#started = true;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    return Promise.resolve();
  }

  /** The adapter throws at what it cannot read, in a listener or in a promise that nobody awaits. */
  #safe(event: string, listener: Listener): Listener {
    if (!event.endsWith('messageBuffer')) return listener;
    let safe = this.#listeners.get(listener);
    if (safe === undefined) {
      const refuse = (error: unknown): void => {
        const now = performance.now();
        if (now - this.#refusedAt < quietMs) return;
        this.#refusedAt = now;
        this.#log.warn({ err: String(error).slice(0, 200) }, 'a message of another Socket.IO server was refused');
      };
      safe = (...given) => {
        try {
          Promise.resolve(listener(...given)).catch(refuse);
        } catch (error) {
          refuse(error);
        }
      };
      this.#listeners.set(listener, safe);
    }
    return safe;
  }

  /** All of it again: what is subscribed already stays so. A connection on which that fails is of no use. */
  async #subscribe(subscriber: Redis): Promise<void> {
    if (subscriber.status !== 'ready') return;
    try {
      if (this.#channels.size > 0) await subscriber.subscribe(...this.#channels);
      if (this.#patterns.size > 0) await subscriber.psubscribe(...this.#patterns);
    } catch {
      if (subscriber.status === 'ready') subscriber.disconnect(true);
    }
  }
}

/** The client with some of its methods replaced. */
function replaced(client: Redis, methods: Readonly<Record<string, unknown>>): Redis {
  return new Proxy(client, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
