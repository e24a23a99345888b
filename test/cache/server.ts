/** Redis servers for the tests of the cache: the machine's, and own ones that may be stopped, frozen and started again. */
import avaTest from 'ava';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { RedisSettings } from '../../src/runtime/cluster/transport/redis-client.js';
import { eventually } from '../harness/eventually.js';

/** Skipped where there is no redis-server to start. */
export const test = spawnSync('redis-server', ['--version']).status === 0 ? avaTest : avaTest.skip;

/** What a test needs of ava's `t`. */
interface Teardown {
  readonly teardown: (fn: () => void | Promise<void>) => void;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A server of the test's own, with nothing on disk. */
export class RedisServer {
  readonly settings: RedisSettings;
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.settings = { host: '127.0.0.1', port, password: null, prefix: `test-${randomUUID()}` };
  }

  static async create(t: Teardown): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    t.teardown(() => server.stop());
    return server;
  }

  /** A second call while it runs is a bug of the test. */
  async start(): Promise<void> {
    const port = String(this.settings.port);
    this.#child = spawn('redis-server', ['--port', port, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    const probe = this.client();
    await eventually(
      () =>
        probe.ping().then(
          () => true,
          () => false,
        ),
      'the start of redis-server',
    ).finally(() => {
      probe.disconnect();
    });
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  /** A connection to look into it with; the caller's to disconnect. */
  client(): Redis {
    const client = new Redis({ host: this.settings.host, port: this.settings.port, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    return client;
  }
}

/** Everything that lies under a prefix, by key. */
export async function contents(client: Redis, prefix: string): Promise<Map<string, string>> {
  const keys = await client.keys(`${prefix}:*`);
  const found = new Map<string, string>();
  for (const key of keys) found.set(key, (await client.get(key)) ?? '');
  return found;
}
