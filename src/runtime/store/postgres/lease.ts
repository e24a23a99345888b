/**
 * How a shard comes to own partitions. The lease is a session advisory lock per partition: Postgres frees it only when the old
 * session's transaction has ended, so what is granted can no longer be written to by the former owner. The fence is an epoch
 * per partition, raised after the grant and checked by every frame: a former owner that does not know yet is refused.
 *
 *   openPrimary: connect ──▶ primary? ──▶ session
 *                   ▲           │ no, or failed
 *                   └── wait ◀──┘
 *   claim: try locks ──▶ raise the epochs of those granted ──▶ owned ──free──▶ unlock, tell the other nodes
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../../../observe/log.js';
import { StoreError, type Fence } from '../port.js';
import { plainArray, textArray } from './arrays.js';
import type { Session } from './session.js';
import { sql } from './queries.js';

/** Any number will do, as long as it stays the same and nobody else in this database uses it as a class: "DING". */
export const lockClass = 0x44494e47;

const firstWaitMs = 50;
const longestWaitMs = 1_000;

/**
 * Tries until there is a session on a primary.
 * @param open makes a session that is not connected yet
 * @throws StoreError `transient` when the signal aborts
 */
export async function openPrimary(open: () => Session, signal: AbortSignal, log: Log): Promise<Session> {
  let said = '';
  for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    const session = open();
    let obstacle: string;
    try {
      await session.connect();
      await bound(session, log);
      const [row] = await session.query<{ standby: boolean }>({ name: 'standby', text: sql('standby') });
      if (row?.standby === false && !signal.aborted) return session;
      obstacle = 'the server is a standby';
      // The next connection may reach the primary.
      await session.end();
    } catch (error) {
      session.destroy();
      obstacle = error instanceof Error ? error.message : String(error);
    }
    // The same obstacle is told once, not at every try.
    if (obstacle !== said && !signal.aborted) log.warn({ obstacle }, 'waiting for the database');
    said = obstacle;
    // Half fixed, half random, so that not all come at the same instant.
    await wait(waitMs / 2 + Math.random() * (waitMs / 2), undefined, { signal }).catch(() => undefined);
  }
  throw new StoreError('transient', 'Connecting was given up');
}

async function bound(session: Session, log: Log): Promise<void> {
  for (const [name, value] of Object.entries(optionalSettings))
    await session
      .query({
        name: 'session_settings',
        text: sql('session_settings'),
        values: [textArray([name]), textArray([value])],
      })
      .catch((error: unknown) => {
        if (!session.alive) throw error;
        // Not every platform has it (client_connection_check_interval needs epoll or kqueue).
        log.debug({ setting: name, err: String(error) }, 'the server refuses a session setting');
      });
}

/** They bound how long a silent death of this host keeps the locks. Over a unix socket the tcp ones do nothing. */
const optionalSettings: Readonly<Record<string, string>> = {
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10000',
  client_connection_check_interval: '1000',
};

interface LeaseOptions {
  readonly node: string;
  readonly partitions: number;
}

/** What one session holds. */
export class Lease {
  readonly session: Session;
  readonly #options: LeaseOptions;
  /** Session locks count how often they are taken, so none is taken twice: it would outlive its first release. */
  readonly #locked = new Set<number>();

  constructor(session: Session, options: LeaseOptions) {
    this.session = session;
    this.#options = options;
  }

  /** @throws StoreError `data` when this database was set up with other partitions */
  async claim(wanted: readonly number[], whole: boolean): Promise<readonly Fence[]> {
    await this.#lock(wanted.filter((partition) => !this.#locked.has(partition)));
    const granted = wanted.filter((partition) => this.#locked.has(partition));
    if (granted.length === 0) return [];
    if (whole && granted.length < wanted.length) {
      // Two owners that each hold what the other wants would wait for ever.
      await this.free(granted);
      return [];
    }
    const { node, partitions } = this.#options;
    const fences = await this.session
      .query<{ partition: number; epoch: number }>({
        name: 'raise_epochs',
        text: sql('raise_epochs'),
        values: [plainArray(granted), node, String(partitions)],
      })
      .catch(async (error: unknown) => {
        // A lock without an epoch of its own would be of no use to us, and free for nobody.
        await this.free(granted);
        throw error;
      });
    if (fences.length !== granted.length)
      throw new StoreError('data', `PARTITIONS: this database was not set up with ${partitions} partitions`);
    return fences.map(({ partition, epoch }) => ({ partition, epoch })).sort((a, b) => a.partition - b.partition);
  }

  /** After a failure the session is gone, and with it every lock: what is still held must never be a guess. */
  async free(partitions: readonly number[]): Promise<void> {
    const held = partitions.filter((partition) => this.#locked.has(partition));
    if (held.length === 0) return;
    await this.#orNothing(
      this.session.query({ name: 'free_locks', text: sql('free_locks'), values: [lockClass, plainArray(held)] }),
    );
    for (const partition of held) this.#locked.delete(partition);
  }

  freeAll(): Promise<void> {
    return this.free([...this.#locked]);
  }

  async #lock(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    const rows = await this.#orNothing(
      this.session.query<{ partition: number; granted: boolean }>({
        name: 'try_locks',
        text: sql('try_locks'),
        values: [lockClass, plainArray(partitions)],
      }),
    );
    for (const { partition, granted } of rows) if (granted) this.#locked.add(partition);
  }

  /** A statement that fails undoes no session lock that it took or freed. */
  async #orNothing<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      this.session.destroy();
      throw new StoreError('lost', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
