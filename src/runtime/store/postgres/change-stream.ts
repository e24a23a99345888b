/**
 * All that changed in a room since a version, however much it is, in constant memory. A cursor walks the seqs of what changed
 * in one snapshot, a few thousand at a time; the messages themselves are read as they are when somebody asks for the next
 * ones, so that nothing erased since the snapshot is told.
 *
 *   open ──▶ walking ──(the cursor is at its end)──▶ the last seqs ──▶ closed
 *               └── close, a failure, or too long ──▶ closed, its connection cut
 *
 * A snapshot holds back the vacuum of the whole database, so its time is bounded: by whoever reads, by `statement_timeout`,
 * which for a cursor counts from its first read to its last, and from PostgreSQL 17 on by `transaction_timeout`, which ends
 * the snapshot even while this process is frozen.
 */
import pg from 'pg';
import Cursor from 'pg-cursor';
import type { RoomKey } from '../../../actors/protocol/ids.js';
import type { Message } from '../../../actors/protocol/message.js';
import type { Log } from '../../../observe/log.js';
import { StoreError, type ChangeStream } from '../port.js';
import { textArray } from './arrays.js';
import { clientConfig, keyedLookups, type ConnectionSettings } from './connection.js';
import { toStoreError } from './errors.js';
import { sql } from './queries.js';

export interface ChangeStreamsOptions {
  readonly connection: ConnectionSettings;
  /** Most at once, each with a connection of its own while its cursor is open. */
  readonly atOnce: number;
  /** Longest life of a cursor, in milliseconds. */
  readonly longestMs: number;
  /** A call that takes longer ends the stream, in milliseconds. */
  readonly deadlineMs: number;
  /** The messages with these seqs (ascending) as they are now. */
  readonly messagesAt: (key: RoomKey, seqs: readonly number[]) => Promise<readonly Message[]>;
  readonly log: Log;
}

/** Seqs in memory per stream. */
const seqsPerRead = 2_000;
/** Messages in memory per stream. */
const messagesPerBatch = 200;

interface ChangedRow {
  readonly last_seq: number;
  readonly last_version: number;
  readonly seq: number | null;
}

export class ChangeStreams {
  readonly #options: ChangeStreamsOptions;
  readonly #pool: pg.Pool;
  readonly #open = new Set<CursorStream>();
  /** Those open, and those about to be. */
  #taken = 0;

  constructor(options: ChangeStreamsOptions) {
    const { connection, atOnce, longestMs, deadlineMs, log } = options;
    this.#options = options;
    const server = { statement_timeout: longestMs, idle_in_transaction_session_timeout: longestMs, ...keyedLookups };
    this.#pool = new pg.Pool({
      ...clientConfig(connection, { name: 'message-handling-service catch-ups', server }),
      max: atOnce,
      connectionTimeoutMillis: deadlineMs,
      idleTimeoutMillis: 10_000,
    });
    this.#pool.on('error', (error) => log.warn({ err: error.message }, 'an idle catch-up connection was lost'));
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** @throws StoreError, `transient` when there are as many as may be */
  async open(key: RoomKey, since: number): Promise<ChangeStream> {
    if (this.#taken >= this.#options.atOnce) throw new StoreError('transient', 'Too many change streams are open');
    this.#taken += 1;
    const client = await this.#pool.connect().catch((error: unknown) => {
      this.#taken -= 1;
      throw toStoreError(error);
    });
    const { deadlineMs, longestMs, messagesAt } = this.#options;
    const stream = new CursorStream(client, {
      deadlineMs,
      longestMs,
      messages: (seqs) => messagesAt(key, seqs),
      onClosed: () => {
        this.#open.delete(stream);
        this.#taken -= 1;
      },
    });
    this.#open.add(stream);
    await stream.start(key, since);
    return stream;
  }

  /** Cuts what is open. */
  async stop(): Promise<void> {
    for (const stream of this.#open) stream.close();
    await this.#pool.end();
  }
}

interface StreamParts {
  readonly deadlineMs: number;
  readonly longestMs: number;
  readonly messages: (seqs: readonly number[]) => Promise<readonly Message[]>;
  readonly onClosed: () => void;
}

class CursorStream implements ChangeStream {
  readonly #parts: StreamParts;
  /** Null once it was given back. */
  #client: pg.PoolClient | null;
  #cursor: Cursor<ChangedRow> | null = null;
  #seqs: number[] = [];
  #closed = false;
  lastSeq = 0;
  lastVersion = 0;

  constructor(client: pg.PoolClient, parts: StreamParts) {
    this.#client = client;
    this.#parts = parts;
  }

  /** Reads where the room stands, and the first seqs. */
  async start(key: RoomKey, since: number): Promise<void> {
    const settings = [textArray(['transaction_timeout']), textArray([String(this.#parts.longestMs)])];
    await this.#bounded(async (client) => {
      // Servers that do not know the setting leave it out.
      await client.query({ name: 'session_settings', text: sql('session_settings'), values: settings });
      this.#cursor = client.query(new Cursor<ChangedRow>(sql('changes_stream'), [key, since]));
    });
    const [first] = await this.#walk();
    this.lastSeq = first?.last_seq ?? 0;
    this.lastVersion = first?.last_version ?? 0;
  }

  async next(): Promise<readonly Message[] | null> {
    if (this.#seqs.length === 0 && this.#client !== null) await this.#walk();
    if (this.#closed) throw new StoreError('lost', 'The change stream was closed');
    if (this.#seqs.length === 0) {
      this.close();
      return null;
    }
    return this.#parts.messages(this.#seqs.splice(0, messagesPerBatch));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#seqs = [];
    // With its cursor still open the connection is cut, which ends the statement and its snapshot at once.
    this.#giveBack(true);
    this.#parts.onClosed();
  }

  async #walk(): Promise<readonly ChangedRow[]> {
    const rows = await this.#bounded(() => this.#cursor?.read(seqsPerRead) ?? Promise.resolve([]));
    for (const { seq } of rows) if (seq !== null) this.#seqs.push(seq);
    // Its end was reached, and the server has said so: the connection is free again.
    if (rows.length < seqsPerRead) this.#giveBack(false);
    return rows;
  }

  /** After a failure, or too long, nothing is open any more. */
  async #bounded<T>(call: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (this.#client === null) throw new StoreError('lost', 'The change stream was closed');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.close();
    }, this.#parts.deadlineMs);
    try {
      return await call(this.#client);
    } catch (error) {
      this.close();
      throw late
        ? new StoreError('lost', 'The database did not answer in time', { cause: error })
        : toStoreError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #giveBack(cut: boolean): void {
    this.#client?.release(cut);
    this.#client = null;
  }
}
