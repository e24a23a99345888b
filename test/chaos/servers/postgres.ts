/** A PostgreSQL server of the run's own, in a temporary folder, that can be restarted, frozen and robbed of its sessions. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { findBinaries, type Binaries } from '../../../src/runtime/store/embedded/binaries.js';
import { openCluster, superuser } from '../../../src/runtime/store/embedded/cluster.js';
import { serverUser, type ServerUser } from '../../../src/runtime/store/embedded/user.js';
import { eventually, within } from '../../harness/eventually.js';
import type { Env } from '../../harness/service.js';

const port = 5432;
const database = 'chaos';

export class PostgresServer {
  readonly #folder: string;
  readonly #user: ServerUser;
  readonly #binaries: Binaries;
  readonly #data: string;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  private constructor(folder: string, user: ServerUser, binaries: Binaries, data: string) {
    this.#folder = folder;
    this.#user = user;
    this.#binaries = binaries;
    this.#data = data;
  }

  /** @param folder an existing one that is the run's own */
  static async create(folder: string): Promise<PostgresServer> {
    chmodSync(folder, 0o711);
    const home = join(folder, 'postgres');
    mkdirSync(home, { recursive: true });
    const user = serverUser(home);
    user.own(home);
    const binaries = findBinaries(user);
    const { data } = await openCluster(home, binaries, user, false);
    const server = new PostgresServer(home, user, binaries, data);
    await server.start();
    await server.query(`create database ${database}`, [], 'postgres');
    return server;
  }

  /** The socket, for a proxy. */
  get path(): string {
    return join(this.#folder, `.s.PGSQL.${port}`);
  }

  /** For a service. @param through the port of a proxy on this machine */
  env(through?: number): Env {
    const at =
      through === undefined
        ? { DB_HOST: this.#folder, DB_PORT: String(port) }
        : { DB_HOST: '127.0.0.1', DB_PORT: String(through) };
    return { ...at, DB_NAME: database, DB_USER: superuser };
  }

  async start(): Promise<void> {
    const args = [
      '-D',
      this.#data,
      ...Object.entries({
        listen_addresses: '',
        port,
        unix_socket_directories: this.#folder,
        max_connections: 120,
        shared_buffers: '64MB',
        log_min_messages: 'log',
        lc_messages: 'C',
      }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    const [command, ...rest] = this.#user.command(this.#binaries.postgres, args);
    const child = spawn(command, rest, {
      cwd: '/',
      env: this.#user.env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      ...this.#user.identity,
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    const said: string[] = [];
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (said.length > 20) said.shift();
        if (line.includes('ready to accept connections')) resolve();
      });
      void this.#exited.then(() => reject(new Error(`postgres ended: ${said.join(' ')}`)));
    });
    await within(ready, 'the start of postgres', 120_000);
  }

  /** As `pg_ctl stop`: `immediate` aborts without a checkpoint, the next start recovers. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.freeze(false);
    this.#child?.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await within(this.#exited, 'the end of postgres');
    this.#child = null;
  }

  /** Stops or continues the server with all of its processes, as a hung machine does. */
  freeze(frozen: boolean): void {
    const parent = this.#child?.pid;
    if (parent === undefined || this.#child?.exitCode !== null) return;
    const signal = frozen ? 'SIGSTOP' : 'SIGCONT';
    // The postmaster first when it stops, so that it starts no other; last when it goes on.
    const all = frozen ? [parent, ...childrenOf(parent)] : [...childrenOf(parent), parent];
    for (const pid of all)
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
  }

  /** Ends every session of the services. */
  async terminateAll(): Promise<number> {
    const rows = await this.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    return rows.length;
  }

  /** Lets every write of messages wait, in a transaction of its own, until the returned function is called. */
  async holdWrites(): Promise<() => Promise<void>> {
    const client = new pg.Client({ host: this.#folder, port, user: superuser, database });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin');
    await client.query('lock table messages in share row exclusive mode');
    // With `terminateAll` its session may be gone already, and the lock with it.
    return () => client.end().catch(() => undefined);
  }

  /** Resolves when a session of the services waits for a lock. */
  async blocked(): Promise<void> {
    const sql = `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and state = 'active'`;
    await eventually(async () => {
      const [row] = await this.query<{ waiting: number }>(sql);
      return (row?.waiting ?? 0) > 0;
    }, 'a frame that waits');
  }

  async query<T extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    name = database,
  ): Promise<T[]> {
    const client = new pg.Client({ host: this.#folder, port, user: superuser, database: name });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Resolves when queries are answered. */
  async answering(): Promise<void> {
    await eventually(
      () =>
        this.query('select 1').then(
          () => true,
          () => false,
        ),
      'an answer of postgres',
    );
  }
}

/** Processes whose parent it is. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Whether processes can be found and frozen here. */
export const canFreeze = process.platform === 'linux' && spawnSync('test', ['-d', '/proc/self']).status === 0;
