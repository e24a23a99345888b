/** Several services as one: they start in order, roll back when one fails, and stop in reverse. */
import type { Log } from '../observe/log.js';
import type { Service } from './lifecycle.js';

export class ServiceStack implements Service {
  readonly name = 'services';
  readonly #services: readonly Service[];
  readonly #log: Log;
  /** Those that were started, in order. */
  #running: Service[] = [];

  constructor(services: readonly Service[], log: Log) {
    this.#services = services;
    this.#log = log;
  }

  async start(): Promise<void> {
    for (const service of this.#services) {
      // The one that fails is stopped as well: it may have started in part.
      this.#running.push(service);
      try {
        await service.start();
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
  }

  /** A service that fails to stop is logged, and the others are stopped all the same. */
  async stop(): Promise<void> {
    for (let service = this.#running.pop(); service !== undefined; service = this.#running.pop()) {
      try {
        await service.stop();
      } catch (error) {
        this.#log.error({ name: service.name, err: error }, 'a service did not stop cleanly');
      }
    }
  }
}
