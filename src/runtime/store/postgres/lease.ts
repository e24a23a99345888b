/**
 * How a shard comes to own partitions. The lease is a session advisory lock per partition: Postgres frees it only when the old
 * session's transaction has ended, so what is granted can no longer be written to by the former owner. The fence is an epoch
 * per partition, raised after the grant and checked by every frame: a former owner that does not know yet is refused.
 *
 *   connect ──▶ primary? ──▶ try all locks ──▶ raise epochs ──▶ owned
 *      ▲           │ no            │ not all: free those granted   │ failed
 *      └───────────┴───── wait ◀───┴───────────────────────────────┘
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../../../observe/log.js';
import { StoreError, type Fence } from '../port.js';
import { plainArray, textArray } from './arrays.js';
import type { Session } from './session.js';
import { sql } from './queries.js';

/** Any number will do, as long as it stays the same and nobody else in this database uses it as a class: "DING". */
const lockClass = 0x44494e47;

const firstWaitMs = 50;
const longestWaitMs = 1_000;

export interface LeaseOptions {
  /** Opens a session that is not connected yet. */
  readonly open: () => Session;
  readonly node: string;
  readonly partitions: number;
  readonly log: Log;
}

export interface Lease {
  readonly session: Session;
  readonly fences: readonly Fence[];
}

/**
 * Tries until every partition is owned.
 * @throws StoreError `transient` when the signal aborts, `data` when this database was set up with other partitions
 */
export async function acquireLease(
  wanted: readonly number[],
  signal: AbortSignal,
  options: LeaseOptions,
): Promise<Lease> {
  const { log } = options;
  let session = null as Session | null;
  let said = '';
  for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    let obstacle: string;
    try {
      session = session?.alive === true ? session : await connect(options);
      const outcome = await attempt(session, wanted, options);
      if (typeof outcome !== 'string') {
        // Owned, but nobody wants it any more: the end of the session frees the locks.
        if (!signal.aborted) return { session, fences: outcome };
        break;
      }
      obstacle = outcome;
    } catch (error) {
      // A failed session is never used again: what it holds is not known.
      session?.destroy();
      session = null;
      if (error instanceof StoreError && error.failure === 'data') throw error;
      obstacle = error instanceof Error ? error.message : String(error);
    }
    // The same obstacle is told once, not at every try.
    if (obstacle !== said) log.warn({ partitions: wanted.length, obstacle }, 'waiting for the partitions');
    said = obstacle;
    // Half fixed, half random, so that two that want the same do not meet again and again.
    await wait(waitMs / 2 + Math.random() * (waitMs / 2), undefined, { signal }).catch(() => undefined);
  }
  await session?.end();
  throw new StoreError('transient', 'Acquiring the partitions was given up');
}

async function connect({ open, log }: LeaseOptions): Promise<Session> {
  const session = open();
  await session.connect();
  const settings = Object.entries(optionalSettings);
  for (const [name, value] of settings)
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
  return session;
}

/** They bound how long a silent death of this host keeps the locks. Over a unix socket the tcp ones do nothing. */
const optionalSettings: Readonly<Record<string, string>> = {
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10000',
  client_connection_check_interval: '1000',
};

/** The fences, or what stands in the way. */
async function attempt(
  session: Session,
  wanted: readonly number[],
  options: LeaseOptions,
): Promise<readonly Fence[] | string> {
  const [locks] = await session.query<{ granted: number; standby: boolean }>({
    name: 'try_locks',
    text: sql('try_locks'),
    values: [lockClass, plainArray(wanted)],
  });
  if (locks?.granted !== wanted.length || locks.standby) {
    // Nothing is held while waiting: two owners that each hold what the other wants would wait for ever.
    await session.query({ name: 'free_locks', text: sql('free_locks') });
    if (locks?.standby === true) {
      // The next connection may reach the primary.
      await session.end();
      return 'the server is a standby';
    }
    return 'another session owns some of them';
  }
  const fences = await session.query<{ partition: number; epoch: number }>({
    name: 'raise_epochs',
    text: sql('raise_epochs'),
    values: [plainArray(wanted), options.node, String(options.partitions)],
  });
  if (fences.length !== wanted.length)
    throw new StoreError('data', `PARTITIONS: this database was not set up with ${options.partitions} partitions`);
  return fences.map(({ partition, epoch }) => ({ partition, epoch })).sort((a, b) => a.partition - b.partition);
}
