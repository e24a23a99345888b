/**
 * One worker thread's host, supervised from the main thread: started as a life-long piscina task over a port of its
 * own, watched by its beat, replaced when it dies or its event loop is stuck.
 *
 *   stopped ──start──▶ starting ──hello──▶ running ──stop──▶ stopping ──▶ stopped
 *                         ▲  │                │
 *                         └──┴──── death ─────┘   (within the restart intensity; over it `onGiveUp`)
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Log } from '../observe/log.js';
import type { FromHost, HostTask, ToHost } from './host-protocol.js';

export interface WorkerHostOptions {
  readonly pool: Piscina;
  readonly worker: number;
  /** What a new host is to do; asked at every start. */
  readonly task: () => Omit<HostTask, 'port' | 'worker' | 'beatMs'>;
  /** A host that does not beat for this long is stuck. */
  readonly stuckMs: number;
  readonly onMessage: (message: FromHost, post: (message: ToHost) => void) => void;
  /** The host died: its shards have none until the next `hello`. */
  readonly onDeath: () => void;
  /** False when it must not be started again. */
  readonly mayRestart: () => boolean;
  readonly onGiveUp: () => void;
  readonly log: Log;
}

/** Loading the modules of a thread; far more than it takes even on a busy machine. */
const helloMs = 30_000;

export class WorkerHost {
  readonly #options: WorkerHostOptions;
  #port: MessagePort | null = null;
  #abort: AbortController | null = null;
  #task: Promise<void> = Promise.resolve();
  #stopping = false;
  #beatAt = 0;
  #greeted = false;
  #suspect = false;
  #collects = new Map<number, (metrics: unknown) => void>();
  #collectId = 0;

  constructor(options: WorkerHostOptions) {
    this.#options = options;
  }

  start(): void {
    const { pool, worker, task, stuckMs, log } = this.#options;
    const { port1, port2 } = new MessageChannel();
    const abort = new AbortController();
    this.#port = port1;
    this.#abort = abort;
    this.#greeted = false;
    this.#suspect = false;
    this.#beatAt = performance.now();
    const post = (message: ToHost): void => port1.postMessage(message);
    port1.on('message', (message: FromHost) => {
      // A message of a host that was given up already must not be taken for one of its successor.
      if (this.#port !== port1) return;
      this.#beatAt = performance.now();
      this.#suspect = false;
      if (message.type === 'hello') this.#greeted = true;
      else if (message.type === 'collected') this.#collects.get(message.id)?.(message.metrics);
      else if (message.type !== 'beat') this.#options.onMessage(message, post);
    });
    const full: HostTask = { ...task(), port: port2, worker, beatMs: Math.max(10, Math.floor(stuckMs / 8)) };
    this.#task = pool.run(full, { transferList: [port2], signal: abort.signal }).then(
      () => this.#ended(port1, null),
      (error: unknown) => this.#ended(port1, error),
    );
    log.debug({ worker }, 'worker host started');
  }

  /** Called regularly: ends a host whose event loop does not turn. Takes two looks, lest our own delay is taken for its. */
  watch(): void {
    if (this.#port === null || this.#stopping) return;
    const silent = performance.now() - this.#beatAt;
    const allowed = this.#greeted ? this.#options.stuckMs : helloMs;
    if (silent < allowed) return;
    if (!this.#suspect) {
      this.#suspect = true;
      return;
    }
    this.#options.log.error(
      { worker: this.#options.worker, silentMs: Math.round(silent) },
      'the worker is stuck and is ended',
    );
    this.#abort?.abort();
  }

  /** Metrics of the host, or null when it does not answer in time. */
  collect(timeoutMs: number): Promise<unknown> {
    const port = this.#port;
    if (port === null || !this.#greeted) return Promise.resolve(null);
    const id = ++this.#collectId;
    return new Promise((resolve) => {
      const settle = (metrics: unknown): void => {
        clearTimeout(timer);
        this.#collects.delete(id);
        resolve(metrics);
      };
      const timer = setTimeout(() => settle(null), timeoutMs);
      this.#collects.set(id, settle);
      port.postMessage({ type: 'collect', id } satisfies ToHost);
    });
  }

  /** Lost while there is no host: the next one starts with what its task says then. */
  post(message: ToHost): void {
    this.#port?.postMessage(message);
  }

  /** Lets the host finish and free its partitions; resolves when its task has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#port?.postMessage({ type: 'stop' } satisfies ToHost);
    await this.#task;
  }

  /** Ends the thread at once. */
  kill(): void {
    this.#stopping = true;
    this.#abort?.abort();
  }

  #ended(port: MessagePort, error: unknown): void {
    if (this.#port !== port) return;
    this.#port = null;
    port.close();
    for (const settle of [...this.#collects.values()]) settle(null);
    if (this.#stopping) return;
    const { worker, log, onDeath, mayRestart, onGiveUp } = this.#options;
    log.error({ worker, err: error }, 'a worker died, its rooms move to a new one');
    onDeath();
    if (mayRestart()) this.start();
    else onGiveUp();
  }
}
