/**
 * The embedded database: a real Postgres server as a child process, reachable by a unix socket only, its data in a folder.
 * It is started where no server is configured, and used by the very code that talks to a configured one.
 *
 * A service that is killed takes its server along: the kernel tells the server to shut down. The next start may come before that
 * has ended, so it tries again while the old server is going. A server that dies by itself is started again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../../../observe/log.js';
import type { Service } from '../../lifecycle.js';
import type { ConnectionSettings } from '../postgres/connection.js';
import { EmbeddedUnavailable, findBinaries, type Binaries } from './binaries.js';
import { makeFolder } from './folder.js';
import { openCluster, superuser, type Cluster } from './cluster.js';
import { endOrphan, forgetOwner, recordOwner, refuseSecondOwner } from './owner.js';
import { serverUser, type ServerUser } from './user.js';

export interface EmbeddedOptions {
  /** DATA_DIR; the database takes the folder `postgres` in it. */
  readonly dataDir: string;
  /** The database that `connection` names; making it is not done here. */
  readonly database: string;
  readonly maxConnections: number;
  /** False loses data when the machine fails; for tests. Defaults to true. */
  readonly fsync?: boolean;
  /** How long to wait for a former server to go, in milliseconds. Defaults to 30000. */
  readonly patienceMs?: number;
  readonly log: Log;
}

/** A unix socket's path is at most this long on Linux; macOS has 103. */
const longestSocketPath = 103;
const port = 5432;
/** Crash recovery of much data takes its time. */
const readyMs = 120_000;
/** A fast shutdown ends with a checkpoint. */
const stopMs = 15_000;
/** More restarts than this within a minute, and it is left down. */
const restartsPerMinute = 5;

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
}

export class EmbeddedPostgres implements Service {
  readonly name = 'embedded database';
  readonly #options: EmbeddedOptions;
  readonly #log: Log;
  #socketFolder: string | null = null;
  /** The folder in /tmp, when DATA_DIR is too deep for a socket. */
  #temporary: string | null = null;
  #running: Running | null = null;
  #stopping = false;
  /** Under way after the server died; a stop waits for it. */
  #relaunching: Promise<void> | null = null;
  #restarts: number[] = [];

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /** How to connect; throws before the start. */
  get connection(): ConnectionSettings {
    if (this.#socketFolder === null) throw new Error('The embedded database is not started');
    return { host: this.#socketFolder, port, user: superuser, password: null, database: this.#options.database };
  }

  /**
   * Resolves when the server takes connections.
   * @throws EmbeddedUnavailable with a message for the operator
   */
  async start(): Promise<void> {
    if (this.#running !== null) return;
    this.#stopping = false;
    const folder = resolve(this.#options.dataDir, 'postgres');
    makeFolder(folder);
    const user = serverUser(folder);
    const binaries = findBinaries(user);
    const fsync = this.#options.fsync ?? true;
    await refuseSecondOwner(folder, this.#options.dataDir);
    const cluster = await openCluster(folder, binaries, user, fsync);
    this.#socketFolder = this.#makeSocketFolder(folder, user);
    recordOwner(folder);
    try {
      await this.#launchPatiently(binaries, cluster, user);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#log.info({ data: cluster.data, socket: this.#socketFolder }, 'the embedded database is up');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#relaunching;
    const running = this.#running;
    if (running !== null) {
      // A fast shutdown: sessions are ended, everything committed is on disk.
      running.child.kill('SIGINT');
      const late = setTimeout(() => {
        this.#log.warn('the embedded database does not shut down: it will recover at its next start');
        running.child.kill('SIGQUIT');
      }, stopMs);
      await running.exited;
      clearTimeout(late);
      this.#running = null;
    }
    if (this.#temporary !== null) rmSync(this.#temporary, { recursive: true, force: true });
    this.#temporary = null;
    this.#socketFolder = null;
    forgetOwner(resolve(this.#options.dataDir, 'postgres'));
  }

  #makeSocketFolder(folder: string, user: ServerUser): string {
    let path = join(folder, 'socket');
    if (Buffer.byteLength(join(path, `.s.PGSQL.${port}.lock`)) > longestSocketPath) {
      path = mkdtempSync(join(tmpdir(), 'mhs-'));
      this.#temporary = path;
    } else mkdirSync(path, { recursive: true, mode: 0o700 });
    user.own(path);
    return path;
  }

  async #launchPatiently(binaries: Binaries, cluster: Cluster, user: ServerUser): Promise<void> {
    const { patienceMs = 30_000, dataDir } = this.#options;
    const end = performance.now() + patienceMs;
    for (let told = false; ;) {
      const failure = await this.#launch(binaries, cluster, user);
      if (failure === null) return;
      if (this.#stopping) throw new EmbeddedUnavailable('The embedded database was stopped while it started');
      // "lock file … already exists", "pre-existing shared memory block … is still in use"
      const lingering = /already exists|still in use/.test(failure);
      if (!lingering) throw new EmbeddedUnavailable(`The embedded database does not start: ${failure}`);
      if (performance.now() >= end)
        throw new EmbeddedUnavailable(
          `DATA_DIR ${resolve(dataDir)} is in use by another database server. Stop it, or use another DATA_DIR.`,
        );
      if (!told) this.#log.info('waiting for the database server of a former process to end');
      told = true;
      if (!user.endsWithParent) endOrphan(cluster.data, join(this.#socketFolder ?? '', `.s.PGSQL.${port}`));
      await wait(100);
    }
  }

  /** Null when it is up, otherwise what the server said last. */
  async #launch(binaries: Binaries, cluster: Cluster, user: ServerUser): Promise<string | null> {
    const [command, ...args] = user.command(binaries.postgres, this.#serverArguments(cluster));
    // A session of its own: Ctrl-C goes to the service alone, which drains before it stops its database.
    const child = spawn(command, args, {
      cwd: '/',
      env: user.env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      ...user.identity,
    });
    const tail: string[] = [];
    const lines = createInterface({ input: child.stderr });
    return new Promise((settle) => {
      const exited = new Promise<void>((done) => {
        child.once('error', (error) => {
          tail.push(error.message);
          done();
        });
        child.once('close', () => done());
      });
      const late = setTimeout(() => {
        tail.push(`not ready within ${readyMs} ms`);
        child.kill('SIGQUIT');
      }, readyMs);
      let ready = false;
      lines.on('line', (line) => {
        // The last lines are all that is kept: they tell why a start failed.
        tail.push(line);
        if (tail.length > 20) tail.shift();
        if (/ (FATAL|PANIC): /.test(line) && ready && !this.#stopping)
          this.#log.warn({ line: line.slice(0, 500) }, 'embedded database');
        else this.#log.debug({ line: line.slice(0, 500) }, 'embedded database');
        if (!line.includes('database system is ready to accept connections')) return;
        ready = true;
        clearTimeout(late);
        this.#running = { child, exited };
        settle(null);
      });
      void exited.then(() => {
        clearTimeout(late);
        if (!ready)
          settle(
            tail
              .filter((line) => !/ LOG: /.test(line))
              .join(' ')
              .trim() || tail.join(' '),
          );
        else if (!this.#stopping)
          this.#relaunching = this.#relaunch(binaries, cluster, user).finally(() => {
            this.#relaunching = null;
          });
      });
    });
  }

  /** The server died under us. */
  async #relaunch(binaries: Binaries, cluster: Cluster, user: ServerUser): Promise<void> {
    this.#running = null;
    this.#restarts = [...this.#restarts.filter((at) => at > Date.now() - 60_000), Date.now()];
    if (this.#restarts.length > restartsPerMinute) {
      this.#log.fatal({ restarts: this.#restarts.length }, 'the embedded database keeps dying: left down');
      return;
    }
    this.#log.error('the embedded database died: starting it again');
    try {
      await this.#launchPatiently(binaries, cluster, user);
    } catch (error) {
      this.#log.fatal({ err: error }, 'the embedded database does not start again');
    }
  }

  #serverArguments(cluster: Cluster): string[] {
    const { fsync = true, maxConnections } = this.#options;
    const settings: Record<string, string | number> = {
      listen_addresses: '',
      port,
      unix_socket_directories: `"${this.#socketFolder ?? ''}"`,
      unix_socket_permissions: '0700',
      max_connections: maxConnections,
      shared_buffers: '128MB',
      max_wal_size: '2GB',
      // Neither statements nor the details of errors, which quote values: messages are not to be found in logs.
      log_min_messages: 'log',
      log_min_error_statement: 'panic',
      log_error_verbosity: 'terse',
      log_checkpoints: 'off',
      lc_messages: 'C',
      ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
    };
    return ['-D', cluster.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  }
}
