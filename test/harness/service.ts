/**
 * The real service as a child process: started with a given environment, ready once it says that it listens, stopped,
 * killed, started again on the same port. Nothing of it outlives the tests: the kernel kills it with the thread that
 * started it (setpriv --pdeathsig), and an exit hook does so where there is no setpriv.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { generousMs, within } from './eventually.js';
import { Output } from './output.js';

export type Env = Readonly<Record<string, string>>;

/** How a process ended: an exit code, or the signal that killed it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const entry = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const bound = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A small service that forgives load tests; a test that looks at limits sets its own. */
const defaults: Env = {
  NODE_ENV: 'test',
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'info',
  RATE_LIMIT_ENABLED: 'false',
  WORKER_THREADS: '2',
  SHARDS_PER_WORKER: '1',
  DB_POOL_SIZE: '4',
  // The machine may be slow: nothing is stuck only because others compute.
  WORKER_STUCK_MS: '15000',
  FRAME_DEADLINE_MS: '30000',
  REPLY_DEADLINE_MS: '60000',
};

interface Life {
  readonly child: ChildProcess;
  readonly output: Output;
  readonly exited: Promise<Exit>;
}

/** Starts a life of the service; only PATH and the like of our own environment reach it. */
function launch(env: Env, nodeArguments: readonly string[] = []): Life {
  const output = new Output();
  const command = [process.execPath, ...nodeArguments, entry];
  const [file = process.execPath, ...rest] = bound ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
  const child = spawn(file, rest, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', ...defaults, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      output.feed(chunk);
    });
  }
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    // 'close' comes after the pipes are read to their end, so the output is complete.
    child.once('close', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  return { child, output, exited };
}

/** Runs a service that is expected to end by itself, such as one with a bad setting. */
export async function runToEnd(env: Env): Promise<Exit & { readonly output: Output }> {
  const life = launch(env);
  try {
    const exit = await within(life.exited, 'the end of the service');
    return { ...exit, output: life.output };
  } finally {
    life.child.kill('SIGKILL');
  }
}

/** A service that serves. */
export class RunningService {
  readonly #env: Env;
  readonly #nodeArguments: readonly string[];
  #life: Life;
  #port: number;

  private constructor(env: Env, nodeArguments: readonly string[], life: Life, port: number) {
    this.#env = env;
    this.#nodeArguments = nodeArguments;
    this.#life = life;
    this.#port = port;
  }

  /**
   * Resolves once the service listens.
   * @throws Error with its last words when it ends before that
   */
  static async start(env: Env, nodeArguments: readonly string[] = []): Promise<RunningService> {
    const life = launch(env, nodeArguments);
    return new RunningService(env, nodeArguments, life, await listening(life));
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#life.child.pid ?? 0;
  }

  /** What the present life printed. */
  get output(): Output {
    return this.#life.output;
  }

  /** Settles when the present life ends, however it does. */
  get exited(): Promise<Exit> {
    return this.#life.exited;
  }

  get running(): boolean {
    return this.ended === null;
  }

  /** How the present life ended; null while it has not. */
  get ended(): Exit | null {
    const { exitCode: code, signalCode: signal } = this.#life.child;
    return code === null && signal === null ? null : { code, signal };
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#life.child.kill(signal);
  }

  /** Asks the service to end and waits until it has; kills it when it does not. Fine for one that has ended already. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.#life.child.kill(signal);
    try {
      return await within(this.#life.exited, 'the end of the service', generousMs);
    } catch (error) {
      await this.kill9();
      throw error;
    }
  }

  /** The end without a chance to say goodbye. */
  kill9(): Promise<Exit> {
    this.#life.child.kill('SIGKILL');
    return this.#life.exited;
  }

  /** Another life with the same settings and port, after the last one ended (it is stopped if it still runs). */
  async restart(env: Env = {}): Promise<void> {
    if (this.running) await this.stop();
    this.#life = launch({ ...this.#env, PORT: String(this.#port), ...env }, this.#nodeArguments);
    this.#port = await listening(this.#life);
  }
}

async function listening(life: Life): Promise<number> {
  const ended = life.exited.then((exit) => {
    throw new Error(`the service ended before it listened (${exit.code ?? exit.signal}): ${life.output.tail()}`);
  });
  try {
    const line = await Promise.race([life.output.waitFor('listening', ({ msg }) => msg === 'listening'), ended]);
    const port = line['port'];
    if (typeof port !== 'number') throw new Error('the listening line has no port');
    return port;
  } catch (error) {
    life.child.kill('SIGKILL');
    throw error;
  }
}
