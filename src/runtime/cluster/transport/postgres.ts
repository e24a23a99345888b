/**
 * Messages between nodes over the database, for when Redis is away: rows of an unlogged table, and NOTIFY to wake their
 * receiver. Slower than Redis by a commit, but there whenever anything can be written at all.
 *
 * One connection does everything, one statement at a time: what waits is sent, what arrived is taken and deleted, and what
 * nobody took is swept. While the database is away messages are dropped: their senders repeat them.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import type { Log } from '../../../observe/log.js';
import { clientConfig, keyedLookups, type ConnectionSettings } from '../../store/postgres/connection.js';
import { sql } from '../../store/postgres/queries.js';
import type { NodeId } from '../port.js';

export interface PostgresTransportOptions {
  readonly connection: ConnectionSettings;
  readonly node: NodeId;
  readonly log: Log;
  /** Milliseconds after which a message is of no use: its sender has given up on it. Defaults to 2000. */
  readonly usefulMs?: number;
}

const defaultUsefulMs = 2_000;
/** UTF-16 units that wait to be sent; over it messages are dropped, and sent again by the bus. */
const waitingCapacity = 16 * 1024 * 1024;
/** Units and messages of one statement. */
const batchUnits = 4 * 1024 * 1024;
const batchMessages = 500;
/** A statement that takes longer ends the connection. */
const deadlineMs = 3_000;
const sweepMs = 5_000;
const longestPauseMs = 1_000;

interface Row {
  readonly id: number;
  readonly sender: string;
  readonly body: string | null;
}

export class PostgresTransport {
  readonly #options: PostgresTransportOptions;
  readonly #usefulMs: number;
  readonly #onMessage: ((text: string, from: NodeId) => void)[] = [];
  #client: pg.Client | null = null;
  #socket: Socket | null = null;
  #waiting: { readonly to: NodeId; readonly text: string }[] = [];
  #waitingUnits = 0;
  /** Something for us may be in the table. */
  #pinged = false;
  #sweepDue = false;
  #working = false;
  #attempts = 0;
  #told = false;
  #dropping = false;
  #retry: NodeJS.Timeout | null = null;
  #sweeper: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: PostgresTransportOptions) {
    this.#options = options;
    this.#usefulMs = options.usefulMs ?? defaultUsefulMs;
  }

  get up(): boolean {
    return this.#client !== null;
  }

  onMessage(listener: (text: string, from: NodeId) => void): void {
    this.#onMessage.push(listener);
  }

  /** Resolves after the first attempt to connect; never rejects. */
  async start(): Promise<void> {
    if (this.#sweeper !== null || this.#stopped) return;
    this.#sweeper = setInterval(() => {
      this.#sweepDue = true;
      this.#work();
    }, sweepMs);
    await this.#connect();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const client = this.#client;
    this.#client = null;
    const cut = setTimeout(() => this.#socket?.destroy(), deadlineMs);
    await client?.end().catch(() => undefined);
    clearTimeout(cut);
    this.#socket?.destroy();
  }

  send(to: NodeId, text: string): void {
    if (this.#client === null) return;
    if (this.#waitingUnits + text.length > waitingCapacity) {
      if (!this.#dropping) this.#options.log.warn('messages to other nodes wait too long for the database: dropped');
      this.#dropping = true;
      return;
    }
    this.#waitingUnits += text.length;
    this.#waiting.push({ to, text });
    // What this turn sends goes in one statement.
    if (this.#waiting.length === 1) setImmediate(() => this.#work());
  }

  async #connect(): Promise<void> {
    const { connection, log } = this.#options;
    const socket = new Socket();
    const settings = {
      name: 'message-handling-service node bus',
      server: {
        ...keyedLookups,
        statement_timeout: deadlineMs,
        tcp_user_timeout: deadlineMs * 2,
        synchronous_commit: 'off',
      },
    };
    const client = new pg.Client({ ...clientConfig(connection, settings), stream: () => socket });
    client.on('error', () => this.#lose(client));
    client.on('end', () => this.#lose(client));
    client.on('notification', ({ payload }) => {
      if (payload !== this.#options.node) return;
      this.#pinged = true;
      this.#work();
    });
    this.#socket = socket;
    try {
      await bounded(client.connect(), socket);
      await bounded(client.query(sql('bus_listen')), socket);
    } catch (error) {
      socket.destroy();
      if (!this.#told) log.warn({ err: String(error) }, 'the node bus has no database connection, connecting again');
      this.#told = true;
      return this.#again();
    }
    if (this.#stopped) {
      socket.destroy();
      return;
    }
    if (this.#told) log.info('the node bus has its database connection back');
    this.#told = false;
    this.#attempts = 0;
    this.#client = client;
    this.#pinged = true;
    this.#work();
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#socket?.destroy();
    this.#waiting = [];
    this.#waitingUnits = 0;
    this.#dropping = false;
    if (!this.#told) this.#options.log.warn('the database connection of the node bus was lost');
    this.#told = true;
    this.#again();
  }

  #again(): void {
    if (this.#stopped) return;
    this.#attempts += 1;
    const pauseMs = Math.min(longestPauseMs, 50 * 2 ** Math.min(this.#attempts, 6));
    this.#retry = setTimeout(() => void this.#connect(), pauseMs);
  }

  /** Does what there is to do, one statement after the other; at most one such loop runs. */
  #work(): void {
    const client = this.#client;
    const socket = this.#socket;
    if (client === null || socket === null || this.#working) return;
    this.#working = true;
    this.#loop(client, socket)
      .catch(() => this.#lose(client))
      .finally(() => {
        this.#working = false;
        // Something may have come since, or for a connection that was made meanwhile.
        if (this.#pinged || this.#waiting.length > 0) this.#work();
      });
  }

  async #loop(client: pg.Client, socket: Socket): Promise<void> {
    while (this.#client === client) {
      if (this.#pinged) await this.#take(client, socket);
      else if (this.#waiting.length > 0) await this.#flush(client, socket);
      else if (this.#sweepDue) {
        this.#sweepDue = false;
        const values = [this.#usefulMs * 2];
        await bounded(client.query({ name: 'bus_sweep', text: sql('bus_sweep'), values }), socket);
      } else return;
    }
  }

  async #take(client: pg.Client, socket: Socket): Promise<void> {
    this.#pinged = false;
    const values = [this.#options.node, batchMessages, this.#usefulMs];
    const { rows } = await bounded(client.query<Row>({ name: 'bus_take', text: sql('bus_take'), values }), socket);
    if (rows.length === batchMessages) this.#pinged = true;
    rows.sort((a, b) => a.id - b.id);
    for (const { body, sender } of rows)
      if (body !== null) for (const listener of this.#onMessage) listener(body, sender);
  }

  async #flush(client: pg.Client, socket: Socket): Promise<void> {
    let units = 0;
    let count = 0;
    while (count < this.#waiting.length && count < batchMessages && units < batchUnits)
      units += this.#waiting[count++]?.text.length ?? 0;
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingUnits -= units;
    if (this.#waiting.length === 0) this.#dropping = false;
    const values = [this.#options.node, batch.map(({ to }) => to), batch.map(({ text }) => text)];
    await bounded(client.query({ name: 'bus_send', text: sql('bus_send'), values }), socket);
  }
}

/** A hung server must not hold us up: then the connection ends, and the call with it. */
function bounded<T>(call: Promise<T>, socket: Socket): Promise<T> {
  const timer = setTimeout(() => socket.destroy(), deadlineMs);
  return call.finally(() => clearTimeout(timer));
}
