/**
 * Who is there and who holds what, as Postgres says: one statement per poll shows that this node lives and reads the rest.
 * A node that showed no sign of life for a while is taken for dead, judged by the clock of the database. Wakes up by NOTIFY
 * when a partition changed hands. While the database is away the view stays as it was, and is not `fresh`.
 *
 * After such a time nobody has shown signs of life: nodes that were alive before it get the time of one absence to do so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../observe/log.js';
import { StoreError } from '../store/port.js';
import type { ConnectionSettings } from '../store/postgres/connection.js';
import { lockClass } from '../store/postgres/lease.js';
import { sql } from '../store/postgres/queries.js';
import { Session } from '../store/postgres/session.js';
import type { ClusterView, Membership, NodeId, Owner } from './port.js';

export interface MembershipOptions {
  readonly connection: ConnectionSettings;
  readonly self: NodeId;
  readonly partitions: number;
  readonly pollMs: number;
  /** Without a sign of life for this long a node is dead. */
  readonly staleMs: number;
  readonly log: Log;
}

interface NodeRow {
  readonly id: NodeId;
  readonly draining: boolean;
  readonly ageMs: number;
}

interface ViewRow {
  readonly nodes: readonly NodeRow[];
  readonly owners: readonly (readonly [partition: number, node: NodeId, epoch: number])[];
}

const deadlineMs = 3_000;
const longestWaitMs = 1_000;
/** Between two polls, however often others call. */
const breathMs = 20;
/** Rows of nodes that died are kept this long; nothing depends on it. */
const rowsKeptSeconds = 600;

export class PostgresMembership implements Membership {
  readonly name = 'membership';
  readonly #options: MembershipOptions;
  readonly #stopping = new AbortController();
  readonly #changeListeners: ((view: ClusterView) => void)[] = [];
  readonly #lapseListeners: (() => void)[] = [];
  #session: Session | null = null;
  #running: Promise<void> | null = null;
  #view: ClusterView;
  #fresh = false;
  #draining = false;
  /** Of the last poll that was answered; null before the first. Monotonic, ms. */
  #polledAt: number | null = null;
  /** Until then a node of the view that is late is not taken for dead. Monotonic, ms. */
  #graceUntil = 0;
  /** Wakes the loop up. */
  #wake = (): void => undefined;
  #poked = false;
  /** By partition: the highest epoch that was seen to end. A lock seen beside it is so new that its own is not raised yet. */
  readonly #ended: number[] = [];
  #waiting: (() => void)[] = [];

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#view = {
      nodes: [{ id: options.self, draining: false }],
      owners: Array.from({ length: options.partitions }, () => null),
    };
  }

  get view(): ClusterView {
    return this.#view;
  }

  get fresh(): boolean {
    return this.#fresh;
  }

  onChange(listener: (view: ClusterView) => void): void {
    this.#changeListeners.push(listener);
  }

  onLapse(listener: () => void): void {
    this.#lapseListeners.push(listener);
  }

  /** Resolves with the first view. */
  async start(): Promise<void> {
    const first = this.#nextPoll();
    this.#running = this.#run();
    await first;
  }

  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /** Resolves once written, or when the membership stops. */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    if (this.#running === null) return;
    // A poll that is under way may have been sent without it.
    await this.#nextPoll();
    if (!this.#view.nodes.some(({ id, draining }) => id === this.#options.self && draining)) await this.#nextPoll();
    await this.#tell('cluster_notify', []);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
    this.#running = null;
    await this.#tell('cluster_leave', [this.#options.self]);
    await this.#session?.end();
    this.#session = null;
    this.#fresh = false;
    this.#release();
  }

  #nextPoll(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.poke();
    });
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async #run(): Promise<void> {
    const { pollMs, log } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#poked = false;
      try {
        await this.#poll();
        if (failures > 0) log.info('the database answers the membership again');
        failures = 0;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#session?.destroy();
        this.#session = null;
        this.#fresh = false;
        if (failures++ === 0) log.warn({ failure: error.failure, err: error }, 'the membership cannot be polled');
      }
      await this.#rest(failures === 0 ? pollMs : Math.min(longestWaitMs, 50 * 2 ** Math.min(failures, 10)));
    }
  }

  async #rest(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    await sleep(breathMs, undefined, { signal }).catch(() => undefined);
    if (this.#poked && this.#fresh) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (!signal.aborted) await sleep(ms, undefined, { signal: woken.signal }).catch(() => undefined);
  }

  async #poll(): Promise<void> {
    const { self, log } = this.#options;
    this.#session ??= await this.#connect();
    const sentAt = performance.now();
    const draining = this.#draining;
    const [row] = await this.#session.query<ViewRow>({
      name: 'cluster_view',
      text: sql('cluster_view'),
      values: [self, draining, rowsKeptSeconds, lockClass],
    });
    if (row === undefined || this.#stopping.signal.aborted) return;
    const lapsed = this.#account(row, sentAt);
    this.#publish(this.#read(row, draining));
    this.#release();
    if (!lapsed) return;
    log.warn('this node showed no sign of life for so long that the others may have taken it for dead');
    await this.#tell('cluster_notify', []);
    for (const listener of this.#lapseListeners) listener();
  }

  /** Notes the poll. True when this node may have been taken for dead since the last one. */
  #account({ nodes }: ViewRow, sentAt: number): boolean {
    const { self, staleMs } = this.#options;
    const before = this.#polledAt;
    this.#polledAt = performance.now();
    this.#fresh = true;
    if (before === null) return false;
    // The database was away, or we were: whoever is late may have been cut off just as well.
    if (sentAt - before > staleMs / 2) this.#graceUntil = this.#polledAt + staleMs;
    const own = nodes.find(({ id }) => id === self);
    return own === undefined || own.ageMs > staleMs;
  }

  /** @param draining as this poll has written it */
  #read({ nodes: rows, owners: held }: ViewRow, draining: boolean): ClusterView {
    const { self, staleMs, partitions } = this.#options;
    const grace = performance.now() < this.#graceUntil;
    const known = new Set(this.#view.nodes.map(({ id }) => id));
    const nodes = rows
      .filter(({ id, ageMs }) => id !== self && (ageMs <= staleMs || (grace && known.has(id))))
      .map((row) => ({ id: row.id, draining: row.draining }));
    nodes.push({ id: self, draining });
    nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
    const owners: (Owner | null)[] = Array.from({ length: partitions }, () => null);
    for (const [partition, node, epoch] of held) if (partition < partitions) owners[partition] = { node, epoch };
    owners.forEach((owner, partition) => {
      const before = this.#view.owners[partition] ?? null;
      const ended = this.#ended[partition] ?? 0;
      if (owner === null && before !== null) this.#ended[partition] = Math.max(ended, before.epoch);
      else if (owner !== null && owner.epoch <= ended) owners[partition] = null;
    });
    return { nodes, owners };
  }

  #publish(view: ClusterView): void {
    if (JSON.stringify(view) === JSON.stringify(this.#view)) return;
    const known = new Set(this.#view.nodes.map(({ id }) => id));
    const now = new Set(view.nodes.map(({ id }) => id));
    const came = [...now].filter((id) => !known.has(id));
    const went = [...known].filter((id) => !now.has(id));
    if (came.length + went.length > 0) this.#options.log.info({ nodes: now.size, came, went }, 'the nodes changed');
    this.#view = view;
    for (const listener of this.#changeListeners) listener(view);
  }

  async #connect(): Promise<Session> {
    const { connection, log } = this.#options;
    // What a poll writes is worth nothing after a crash.
    const server = {
      synchronous_commit: 'off',
      statement_timeout: deadlineMs,
      idle_in_transaction_session_timeout: 5_000,
    };
    const session = new Session(connection, { name: 'membership', server }, deadlineMs, log, () => this.poke());
    try {
      await session.connect();
      session.onNotification(() => this.poke());
      await session.query({ name: 'cluster_listen', text: sql('cluster_listen') });
      // Others should not find out only at their next poll that there is one more.
      setImmediate(() => void this.#tell('cluster_notify', []));
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  /** Best effort: whoever does not hear of it polls anyway. */
  async #tell(name: string, values: readonly unknown[]): Promise<void> {
    const session = this.#session;
    if (session?.alive !== true) return;
    await session.query({ name, text: sql(name), values }).catch((error: unknown) => {
      this.#options.log.debug({ err: String(error) }, 'the other nodes could not be told');
    });
  }
}
