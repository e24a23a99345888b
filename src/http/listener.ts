/** The listening socket as a service: it opens last and closes first, the requests at hand are still answered. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Service } from '../runtime/lifecycle.js';

/** The address is the problem, whatever the port. */
const hostErrors = /ENOTFOUND|EADDRNOTAVAIL|EAI_/;

export class Listener implements Service {
  readonly name = 'listener';
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;

  constructor(server: Server, host: string, port: number) {
    this.#server = server;
    this.#host = host;
    this.#port = port;
  }

  /** The port in use, also when the system chose it; 0 while it does not listen. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Rejects when the address is taken, with a message for the operator. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, this.#host);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const variable = hostErrors.test(reason) ? 'HOST' : 'PORT';
      throw new Error(`${variable}: cannot listen on ${this.#host}:${this.#port} (${reason})`, { cause: error });
    }
  }

  /** Takes no more connections. Open ones end by themselves, or with the socket edge, or by `cut`. */
  stop(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    this.#server.closeIdleConnections();
    return Promise.resolve();
  }

  /** Ends what is still open, such as a request that never finishes arriving. */
  cut(): void {
    this.#server.closeAllConnections();
  }
}
