/**
 * Redis while it works, the database while it does not. Whether Redis works is known three ways: its links say so
 * (`RedisLinks.up`), a published text says how many heard it, and a node that writes over the database has lost Redis itself.
 * In doubt a text goes both ways: receivers know copies by their number.
 */
import type { NodeId, Transport } from '../port.js';
import type { PostgresTransport } from './postgres.js';
import type { RedisTransport } from './redis-transport.js';

/** How long a node that was not heard over Redis is also written to over the database. */
const doubtMs = 5_000;

export class EitherTransport implements Transport {
  readonly name = 'transport';
  readonly #redis: RedisTransport;
  readonly #postgres: PostgresTransport;
  /** Until when (ms, monotonic) Redis is not believed to reach a node. As many as there are nodes; swept when it grows. */
  readonly #doubted = new Map<NodeId, number>();

  constructor(redis: RedisTransport, postgres: PostgresTransport) {
    this.#redis = redis;
    this.#postgres = postgres;
  }

  get up(): boolean {
    return this.#redis.up || this.#postgres.up;
  }

  onMessage(listener: (text: string) => void): void {
    this.#redis.onMessage(listener);
    this.#postgres.onMessage((text, from) => {
      this.#doubt(from);
      listener(text);
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.#redis.start(), this.#postgres.start()]);
  }

  async stop(): Promise<void> {
    this.#redis.stop();
    await this.#postgres.stop();
  }

  send(to: NodeId, text: string, again: boolean): void {
    if (again) this.#doubt(to);
    let both = (this.#doubted.get(to) ?? 0) > performance.now();
    const sent = this.#redis.send(to, text, () => {
      if (both) return;
      both = true;
      this.#doubt(to);
      this.#postgres.send(to, text);
    });
    both ||= !sent;
    if (both) this.#postgres.send(to, text);
  }

  #doubt(node: NodeId): void {
    const now = performance.now();
    if (this.#doubted.size > 1_024)
      for (const [other, until] of this.#doubted) if (until < now) this.#doubted.delete(other);
    this.#doubted.set(node, now + doubtMs);
  }
}
