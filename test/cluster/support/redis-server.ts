/** A Redis server of a test's own: it can be killed, started again on the same port, frozen and thawed. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { within } from '../../harness/eventually.js';

const bound = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export class RedisServer {
  readonly port: number;
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(t: { teardown(close: () => void | Promise<void>): void }): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    t.teardown(() => server.kill());
    await server.start();
    return server;
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const command = [
      'redis-server',
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    const [file = '', ...rest] = bound ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    const ready = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes('Ready to accept connections')) resolve();
      });
    });
    await within(ready, 'the Redis server');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}
