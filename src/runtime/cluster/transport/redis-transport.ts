/** Messages between nodes over Redis: one channel per node, on the connections that the room streams use too. */
import type { NodeId } from '../port.js';
import type { RedisLinks } from './redis.js';

export class RedisTransport {
  readonly #links: RedisLinks;
  readonly #node: NodeId;
  readonly #onMessage: ((text: string) => void)[] = [];

  constructor(links: RedisLinks, node: NodeId) {
    this.#links = links;
    this.#node = node;
  }

  get up(): boolean {
    return this.#links.up;
  }

  onMessage(listener: (text: string) => void): void {
    this.#onMessage.push(listener);
  }

  async start(): Promise<void> {
    await this.#links.subscribe(this.#channel(this.#node), (text) => {
      for (const listener of this.#onMessage) listener(text);
    });
  }

  stop(): void {
    this.#links.unsubscribe(this.#channel(this.#node));
  }

  /**
   * @param missed told when nobody was subscribed, or when that cannot be known
   * @returns false when it was not sent
   */
  send(to: NodeId, text: string, missed: () => void): boolean {
    return this.#links.publish(this.#channel(to), text, (receivers) => {
      if (receivers === null || receivers === 0) missed();
    });
  }

  #channel(node: NodeId): string {
    return `${this.#links.prefix}:node:${node}`;
  }
}
