/**
 * The outbox as its relay sees it, on a database session of its own. Deletes need not survive a crash (the events are only
 * sent again), so they do not wait for the disk.
 */
import type { Message } from '../../actors/protocol/message.js';
import type { Log } from '../../observe/log.js';
import { plainArray, textArray } from '../store/postgres/arrays.js';
import { keyedLookups, type ConnectionSettings } from '../store/postgres/connection.js';
import { sql } from '../store/postgres/queries.js';
import { toMessages, type RangeRow } from '../store/postgres/rows.js';
import { Session } from '../store/postgres/session.js';
import type { OutboxEntry } from './integration-events.js';

export interface OutboxOptions {
  readonly connection: ConnectionSettings;
  readonly deadlineMs: number;
  readonly log: Log;
}

/** Everything of a partition past `after` up to `upTo`. */
export interface Range {
  readonly partition: number;
  readonly after: number;
  readonly upTo: number;
}

export interface OutboxStats {
  /** Rows that wait; counted no further than a million. */
  readonly depth: number;
  /** Seconds; 0 when none waits. */
  readonly oldestAge: number;
}

const countedRows = 1_000_000;

export class Outbox {
  readonly #options: OutboxOptions;
  #session: Session | null = null;
  #sessions = 0;
  /** A session takes one call at a time. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Sessions made so far. With another one the server may be another as well: deletes that did not wait for the disk are undone. */
  get sessions(): number {
    return this.#sessions;
  }

  /** The oldest rows past each partition's position: at most `limit` of each, in order within a partition. */
  async batch(after: ReadonlyMap<number, number>, limit: number): Promise<OutboxEntry[]> {
    const rows = await this.#query<EntryRow>('outbox_batch', [
      plainArray([...after.keys()]),
      plainArray([...after.values()]),
      limit,
    ]);
    return rows.map((row) => ({
      partition: row.partition,
      position: row.position,
      key: row.room_key,
      kind: row.kind,
      from: row.from_seq,
      to: row.to_seq,
      version: row.version,
      userId: row.user_id,
      messageIds: row.message_ids,
      happenedAt: row.happened_at,
    }));
  }

  /** The messages that each entry is about as they are now, same order; none for receipts. */
  async messages(entries: readonly OutboxEntry[]): Promise<Message[][]> {
    const found: Message[][] = entries.map(() => []);
    const about = entries.flatMap((entry, i) =>
      entry.kind === 'delivered' || entry.kind === 'read' ? [] : [{ entry, into: found[i] }],
    );
    if (about.length === 0) return found;
    const rows = await this.#query<RangeRow & { place: number }>('outbox_messages', [
      textArray(about.map(({ entry }) => entry.key)),
      plainArray(about.map(({ entry }) => entry.from)),
      plainArray(about.map(({ entry }) => entry.to)),
    ]);
    for (const row of rows) about[row.place - 1]?.into?.push(...toMessages(row));
    return found;
  }

  /** Forgets what was confirmed. */
  async done(ranges: readonly Range[]): Promise<void> {
    await this.#query('outbox_done', [
      plainArray(ranges.map(({ partition }) => partition)),
      plainArray(ranges.map(({ after }) => after)),
      plainArray(ranges.map(({ upTo }) => upTo)),
    ]);
  }

  async stats(partitions: Iterable<number>): Promise<OutboxStats> {
    const [row] = await this.#query<{ depth: number; age: number }>('outbox_stats', [
      plainArray([...partitions]),
      countedRows,
    ]);
    return { depth: row?.depth ?? 0, oldestAge: Math.max(0, row?.age ?? 0) };
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#session?.end();
    this.#session = null;
  }

  #query<Row extends object>(name: string, values: readonly unknown[]): Promise<Row[]> {
    const result = this.#tail.then(async () => {
      const session = this.#session?.alive === true ? this.#session : await this.#connect();
      return session.query<Row>({ name, text: sql(name), values });
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #connect(): Promise<Session> {
    const { connection, deadlineMs, log } = this.#options;
    const server = {
      synchronous_commit: 'off',
      statement_timeout: Math.max(50, Math.floor(deadlineMs * 0.8)),
      idle_in_transaction_session_timeout: deadlineMs,
      ...keyedLookups,
    };
    const session = new Session(connection, { name: 'message-handling-service outbox', server }, deadlineMs, log);
    await session.connect();
    this.#session = session;
    this.#sessions += 1;
    return session;
  }
}

interface EntryRow {
  readonly partition: number;
  readonly position: number;
  readonly room_key: string;
  readonly kind: OutboxEntry['kind'];
  readonly from_seq: number;
  readonly to_seq: number;
  readonly version: number;
  readonly user_id: string | null;
  readonly message_ids: readonly string[] | null;
  readonly happened_at: number;
}
