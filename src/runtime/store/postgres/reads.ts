/**
 * The edges' reads, on a bounded pool. Every answer is one statement, so it is one snapshot of the database. A read that finds
 * its connection dead is tried once more on another; reads change nothing, so that is always right.
 */
import pg from 'pg';
import { isMessageId, type RoomKey } from '../../../actors/protocol/ids.js';
import type { Message } from '../../../actors/protocol/message.js';
import type { PageQuery } from '../../../actors/protocol/pages.js';
import type { Log } from '../../../observe/log.js';
import type { Service } from '../../lifecycle.js';
import { StoreError, type Located, type ChangeStream, type Page, type ReadStore, type RoomChanges } from '../port.js';
import { plainArray, textArray } from './arrays.js';
import { ChangeStreams } from './change-stream.js';
import { clientConfig, keyedLookups, type ConnectionSettings } from './connection.js';
import { toStoreError } from './errors.js';
import { sql } from './queries.js';
import { toMessages, type RangeRow } from './rows.js';

export interface ReadStoreOptions {
  readonly connection: ConnectionSettings;
  /** Most connections at once. */
  readonly poolSize: number;
  /** A read that takes longer is refused and its connection closed, in milliseconds. */
  readonly deadlineMs: number;
  /** Change streams open at once, and their longest life in milliseconds; a few minutes of a few unless said. */
  readonly streams?: { readonly atOnce: number; readonly longestMs: number };
  readonly log: Log;
}

const usualStreams = { atOnce: 4, longestMs: 300_000 };

/** Reads waiting for a connection, per connection of the pool; over it they are refused at once as `transient`. */
const waitingPerConnection = 64;

export class PostgresReads implements ReadStore, Service {
  readonly name = 'store reads';
  readonly #options: ReadStoreOptions;
  #pool: pg.Pool | null = null;
  #streams: ChangeStreams | null = null;

  constructor(options: ReadStoreOptions) {
    this.#options = options;
  }

  /** Rejects when the database does not answer. */
  async start(): Promise<void> {
    if (this.#pool !== null) return;
    const { connection, poolSize, deadlineMs, log } = this.#options;
    const server = { statement_timeout: deadlineMs, idle_in_transaction_session_timeout: deadlineMs, ...keyedLookups };
    const pool = new pg.Pool({
      ...clientConfig(connection, { name: 'message-handling-service reads', server }),
      max: poolSize,
      connectionTimeoutMillis: deadlineMs,
      idleTimeoutMillis: 30_000,
    });
    this.#streams = new ChangeStreams({
      connection,
      ...(this.#options.streams ?? usualStreams),
      deadlineMs,
      messagesAt: (key, seqs) => this.#messagesAt(key, seqs),
      log,
    });
    // Without listeners a dying connection would end the process: the pool listens to idle ones only.
    pool.on('error', (error) => {
      // An ended pool does not wait for its connections, which may hear of their server's end.
      if (this.#pool === pool) log.warn({ err: error.message }, 'an idle read connection was lost');
    });
    pool.on('connect', (client) => client.on('error', () => undefined));
    this.#pool = pool;
    try {
      await this.check();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    const streams = this.#streams;
    this.#pool = null;
    this.#streams = null;
    await streams?.stop();
    await pool?.end();
  }

  async page(key: RoomKey, query: PageQuery): Promise<Page> {
    const { from, limit } = query;
    // A seq or an offset beyond all that can exist names the same page as the largest one, without overflowing a bigint.
    const anchor = Math.min(from.by === 'offset' ? from.offset : from.seq, Number.MAX_SAFE_INTEGER);
    const [row] = await this.#query<RangeRow & { last_seq: number }>('page', [key, limit, from.by, anchor]);
    if (row === undefined) return { messages: [], total: 0 };
    return { messages: toMessages(row), total: row.last_seq };
  }

  async unread(key: RoomKey, userId: string): Promise<number> {
    const [row] = await this.#query<{ unread: number }>('unread', [key, userId]);
    return row?.unread ?? 0;
  }

  async locate(ids: readonly string[]): Promise<readonly Located[]> {
    const wellFormed = ids.filter(isMessageId);
    if (wellFormed.length === 0) return [];
    const rows = await this.#query<LocatedRow>('locate', [textArray(wellFormed)]);
    return rows.map((row) => ({ id: row.id, key: row.room_key }));
  }

  async covered(key: RoomKey, userId: string, from: number, upTo: number, limit: number): Promise<readonly Message[]> {
    const [row] = await this.#query<RangeRow>('covered', [key, userId, from, upTo, limit]);
    return row === undefined ? [] : toMessages(row);
  }

  async changes(key: RoomKey, since: number, limit: number): Promise<RoomChanges> {
    const [row] = await this.#query<ChangesRow>('changes', [key, since, limit]);
    if (row === undefined) return { lastSeq: 0, lastVersion: 0, messages: [], removals: [] };
    const messages = toMessages(row);
    return {
      lastSeq: row.last_seq,
      lastVersion: row.last_version,
      messages: messages.length > limit ? null : messages,
      removals: (row.removals ?? []).map(([id, userId, version]) => ({ id, userId, version })),
    };
  }

  changeStream(key: RoomKey, since: number): Promise<ChangeStream> {
    if (this.#streams === null) return Promise.reject(new StoreError('lost', 'The store is not open'));
    return this.#streams.open(key, since);
  }

  async #messagesAt(key: RoomKey, seqs: readonly number[]): Promise<readonly Message[]> {
    const [row] = await this.#query<RangeRow>('messages_at', [key, plainArray(seqs)]);
    return row === undefined ? [] : toMessages(row);
  }

  async heads(keys: readonly RoomKey[]): Promise<ReadonlyMap<RoomKey, number>> {
    if (keys.length === 0) return new Map();
    const rows = await this.#query<{ room_key: string; last_version: number }>('heads', [textArray(keys)]);
    return new Map(rows.map((row) => [row.room_key, row.last_version]));
  }

  async check(): Promise<void> {
    const [row] = await this.#attempt<{ read_only: boolean }>('check', []);
    if (row?.read_only !== false) throw new StoreError('transient', 'The database takes no writes');
  }

  async #query<Row extends pg.QueryResultRow>(name: string, values: readonly unknown[]): Promise<Row[]> {
    const { poolSize } = this.#options;
    if (this.#pool !== null && this.#pool.waitingCount >= poolSize * waitingPerConnection)
      throw new StoreError('transient', 'Too many reads are waiting');
    return this.#attempt<Row>(name, values);
  }

  /** At most two tries, within one deadline. */
  async #attempt<Row extends pg.QueryResultRow>(name: string, values: readonly unknown[]): Promise<Row[]> {
    const end = performance.now() + this.#options.deadlineMs;
    try {
      return await this.#run<Row>(name, values, end);
    } catch (error) {
      if (!(error instanceof DeadConnection) || performance.now() >= end) throw error;
      return await this.#run<Row>(name, values, end);
    }
  }

  async #run<Row extends pg.QueryResultRow>(name: string, values: readonly unknown[], end: number): Promise<Row[]> {
    if (this.#pool === null) throw new StoreError('lost', 'The store is not open');
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw toStoreError(error);
    });
    let expired = false;
    let failure: StoreError | null = null;
    // With a query under way `release(true)` closes the socket, which fails the query.
    const timer = setTimeout(
      () => {
        expired = true;
        client.release(true);
      },
      Math.max(1, end - performance.now()),
    );
    try {
      const { rows } = await client.query<Row>({ name, text: sql(name), values: [...values] });
      return rows;
    } catch (error) {
      failure = toStoreError(error);
      if (expired) throw new StoreError('lost', 'The database did not answer in time', { cause: error });
      throw failure.failure === 'lost' ? new DeadConnection(failure.message, { cause: error }) : failure;
    } finally {
      clearTimeout(timer);
      if (!expired) client.release(failure?.failure === 'lost');
    }
  }
}

/** The connection was dead or died; another one may answer. */
class DeadConnection extends StoreError {
  constructor(message: string, options: ErrorOptions) {
    super('lost', message, options);
  }
}

interface ChangesRow extends RangeRow {
  readonly last_seq: number;
  readonly last_version: number;
  readonly removals: readonly (readonly [id: string, userId: string | null, version: number])[] | null;
}

interface LocatedRow {
  readonly id: string;
  readonly room_key: string;
}
