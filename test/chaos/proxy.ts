/**
 * A TCP proxy that can do to a connection what networks do: go silent in one direction or both, swallow answers, be cut, refuse.
 * Silence holds bytes back and lets them through afterwards, as retransmission does; nothing is ever lost in the middle.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type Target = { readonly port: number; readonly host: string } | { readonly path: string };

interface Pair {
  /** From whoever connected to us. */
  readonly near: Socket;
  readonly far: Socket;
}

export class Proxy {
  readonly #target: Target;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #silent = { up: false, down: false };
  #refusing = false;
  #swallow: (() => void) | null = null;

  private constructor(target: Target) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async open(target: Target): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Holds back what goes to the server (`up`), what comes from it (`down`), or both. New connections are silent, too. */
  silence(direction: 'up' | 'down' | 'both'): void {
    this.#silent = { up: direction !== 'down', down: direction !== 'up' };
    this.#apply();
  }

  /** Everything held back goes through, new connections are taken. */
  restore(): void {
    this.#silent = { up: false, down: false };
    this.#refusing = false;
    this.#swallow = null;
    this.#apply();
  }

  /** Ends every connection, and with `refuse` every new one until `restore`. */
  cut(refuse = false): void {
    this.#refusing = refuse;
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  }

  /**
   * From now on answers are thrown away. Resolves once one was, so that what it answers is done at the server and unknown to
   * the asker; follow it with `cut` and `restore`.
   */
  swallow(): Promise<void> {
    return new Promise((resolve) => {
      this.#swallow = resolve;
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut(true);
    await closed;
  }

  #accept(near: Socket): void {
    near.on('error', () => undefined);
    if (this.#refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#target);
    const pair: Pair = { near, far };
    this.#pairs.add(pair);
    far.on('error', () => undefined);
    for (const socket of [near, far]) socket.setNoDelay(true);
    for (const socket of [near, far])
      socket.on('close', () => {
        this.#pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    near.on('data', (chunk: Buffer) => {
      if (!far.write(chunk)) near.pause();
    });
    far.on('data', (chunk: Buffer) => {
      if (this.#swallow !== null) this.#swallow();
      else if (!near.write(chunk)) far.pause();
    });
    far.on('drain', () => this.#flow(pair));
    near.on('drain', () => this.#flow(pair));
    this.#flow(pair);
  }

  #apply(): void {
    for (const pair of this.#pairs) this.#flow(pair);
  }

  /** A direction flows unless it is silent; the kernel's buffers hold what waits, and then its writer waits. */
  #flow({ near, far }: Pair): void {
    if (this.#silent.up) near.pause();
    else near.resume();
    if (this.#silent.down) far.pause();
    else far.resume();
  }
}
