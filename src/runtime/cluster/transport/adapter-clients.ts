/**
 * The two Redis clients of `@socket.io/redis-adapter`, made safe for it: the adapter catches no rejection of what it
 * publishes or subscribes and never subscribes again, so that is done here. An outage drops its messages, nothing else.
 */
import type { Redis } from 'ioredis';
import type { Log } from '../../../observe/log.js';
import type { Service } from '../../lifecycle.js';
import { createRedisClient, type RedisSettings } from './redis-client.js';

type Names = readonly (string | Buffer)[];

export class AdapterClients implements Service {
  readonly name = 'adapter clients';
  /** As the adapter sees them: what they do never rejects. */
  readonly publisher: Redis;
  readonly subscriber: Redis;
  readonly #clients: readonly Redis[];
  /** What the adapter reads; a handful of names per namespace. */
  readonly #channels = new Set<string>();
  readonly #patterns = new Set<string>();
  #started = false;

  /** @param onLost called back when Redis is found to hang, or to be cut off: its connections are then made anew */
  constructor(settings: RedisSettings, onLost: (listener: () => void) => void, log: Log) {
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
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
