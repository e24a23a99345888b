/**
 * Real faults inside the worker threads of a running service: through Node's own inspector an expression is evaluated in
 * a worker, which may throw outside of any handler, exit, loop for ever or eat its heap. The product has no part in it;
 * the service is started with `inspectorArguments`.
 */
import { WebSocket, type RawData } from 'ws';
import { eventually, within } from './eventually.js';
import type { RunningService } from './service.js';

/** Node arguments of a service whose workers are to be harmed. */
export const inspectorArguments: readonly string[] = ['--inspect=127.0.0.1:0'];

/** What a worker can be made to do. */
export const faults = {
  throw: 'setTimeout(() => { throw new Error("injected fault") }, 0)',
  exit: 'setTimeout(() => process.exit(7), 0)',
  loop: 'setTimeout(() => { for (;;); }, 0)',
  heap: 'setTimeout(() => { const all = []; for (;;) all.push(new Array(100_000).fill(1.5)) }, 0)',
} as const;

interface ProtocolMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly title: string } };
}

export class ThreadFaults {
  readonly #socket: WebSocket;
  #sessions: string[] = [];
  #next = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: RawData) => {
      this.#hear(JSON.parse((data as Buffer).toString()) as ProtocolMessage);
    });
  }

  /** Connects to the inspector of a service and finds its workers. */
  static async attach(service: RunningService, workers: number): Promise<ThreadFaults> {
    const line = await eventually(
      () => Promise.resolve(service.output.plain.find((text) => text.includes('Debugger listening on ws://'))),
      'the inspector',
    );
    const socket = new WebSocket(line.slice(line.indexOf('ws://')).trim());
    const faultsOf = new ThreadFaults(socket);
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      }),
      'the inspector connection',
    );
    faultsOf.#post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    await eventually(() => Promise.resolve(faultsOf.#sessions.length >= workers), `${workers} worker threads`);
    return faultsOf;
  }

  /** Evaluates an expression in one worker; it does not wait for the effect. */
  harm(worker: number, expression: string): void {
    const sessionId = this.#sessions[worker];
    if (sessionId === undefined) throw new Error(`there is no worker ${worker}`);
    const message = JSON.stringify({ id: (this.#next += 1), method: 'Runtime.evaluate', params: { expression } });
    this.#post('NodeWorker.sendMessageToWorker', { sessionId, message });
  }

  close(): void {
    this.#socket.terminate();
  }

  #post(method: string, params: Readonly<Record<string, unknown>>): void {
    this.#socket.send(JSON.stringify({ id: (this.#next += 1), method, params }));
  }

  #hear({ method, params }: ProtocolMessage): void {
    const sessionId = params?.sessionId;
    if (sessionId === undefined) return;
    if (method === 'NodeWorker.attachedToWorker') this.#sessions.push(sessionId);
    if (method === 'NodeWorker.detachedFromWorker')
      this.#sessions = this.#sessions.filter((known) => known !== sessionId);
  }
}
