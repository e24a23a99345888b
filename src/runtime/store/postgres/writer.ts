/**
 * A shard's own connection: the only way by which anything is written. One session that holds the partitions' locks, one call
 * at a time, a deadline on each. When the session dies, so does the ownership: `connect` starts over.
 */
import { isMessageId } from '../../../actors/protocol/ids.js';
import type { RoomKey } from '../../../actors/protocol/ids.js';
import type { Message } from '../../../actors/protocol/message.js';
import type { Changes, Facts, Marks, Need, Removal, RoomSnapshot } from '../../../actors/protocol/state.js';
import type { Log } from '../../../observe/log.js';
import { StoreError, unreadMost, type Append, type CacheableWriter, type CachedRoom, type Fence } from '../port.js';
import { plainArray, textArray } from './arrays.js';
import { keyedLookups, type ConnectionSettings } from './connection.js';
import { frameValues, outboxValues } from './frame.js';
import { Lease, openPrimary } from './lease.js';
import { sql } from './queries.js';
import { counted, toMessage, toMessages, type MessageRow, type RangeRow } from './rows.js';
import { Session } from './session.js';

export interface WriterOptions {
  readonly connection: ConnectionSettings;
  /** Names the session in pg_stat_activity. */
  readonly name: string;
  /** A call that takes longer fails as `lost`, in milliseconds. */
  readonly deadlineMs: number;
  /** This process, as written beside the epochs. */
  readonly node: string;
  /** The number of partitions that the database must have been set up with. */
  readonly partitions: number;
  /** The server ends the session when it is silent for longer; 10 s unless a test is in a hurry. */
  readonly idleSessionMs?: number;
  readonly log: Log;
}

export function createWriter(options: WriterOptions): CacheableWriter {
  return new PostgresWriter(options);
}

/** A frozen owner does not keep its partitions. */
const defaultIdleSessionMs = 10_000;

class PostgresWriter implements CacheableWriter {
  readonly #options: WriterOptions;
  #lease: Lease | null = null;
  #onLost = (): void => undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  get answeredAt(): number {
    return this.#lease?.session.answeredAt ?? -Infinity;
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#lease?.session.destroy();
    this.#lease = null;
    const { connection, name, deadlineMs, idleSessionMs, log } = this.#options;
    const server = writerSettings(deadlineMs, idleSessionMs);
    const open = (): Session => new Session(connection, { name, server }, deadlineMs, log, () => this.#onLost());
    this.#lease = new Lease(await openPrimary(open, signal, log), this.#options);
  }

  claim(partitions: readonly number[], whole: boolean): Promise<readonly Fence[]> {
    return this.#lease === null ? Promise.reject(notConnected()) : this.#lease.claim(partitions, whole);
  }

  yield(partitions: readonly number[]): Promise<void> {
    return this.#lease === null ? Promise.reject(notConnected()) : this.#lease.free(partitions);
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  async append(append: Append): Promise<void> {
    try {
      if (append.outbox === undefined && append.removals === undefined)
        await this.#query('append_frame', frameValues(append));
      else await this.#query('outbox_append', outboxValues(append));
    } catch (error) {
      // Fenced off: somebody else owns a partition. The session goes, and with it whatever it still holds.
      if (error instanceof StoreError && error.failure === 'fenced') this.#lease?.session.destroy();
      throw error;
    }
  }

  async snapshots(
    keys: readonly RoomKey[],
    recent: number,
    cached: readonly (CachedRoom | null)[] = [],
  ): Promise<RoomSnapshot[]> {
    if (keys.length === 0) return [];
    const rows = cached.some((room) => room !== null)
      ? await this.#query<SnapshotRow>('snapshots_cached', [textArray(keys), recent, ...cachedValues(cached)])
      : await this.#query<SnapshotRow>('snapshots', [textArray(keys), recent]);
    return rows.map((row, i) => ({
      key: row.key,
      lastSeq: row.last_seq,
      lastVersion: row.last_version,
      recent: row.cached === true ? counted([...(cached[i]?.recent ?? [])], row.marks) : toMessages(row),
    }));
  }

  async origin(): Promise<string> {
    const [row] = await this.#query<{ origin: string }>('origin', []);
    if (row === undefined) throw new StoreError('data', 'The database does not tell its origin');
    return row.origin;
  }

  async facts(asked: readonly { readonly key: RoomKey; readonly needs: readonly Need[] }[]): Promise<Facts[]> {
    const facts: MutableFacts[] = asked.map(() => ({ messages: [], marks: [], changes: [] }));
    const needs = asked.flatMap(({ key, needs: list }, room) =>
      list.map((need) => ({ key, need, facts: facts[room] })),
    );

    const ids = needs.flatMap(({ key, need, facts: to }) =>
      // What has not the shape of an id names nothing, and must not fail its neighbours.
      need.need === 'message' && isMessageId(need.id) ? [{ key, id: need.id, to }] : [],
    );
    if (ids.length > 0) {
      const values = [textArray(ids.map(({ key }) => key)), textArray(ids.map(({ id }) => id))];
      for (const row of await this.#query<MessageRow>('facts_messages', values))
        ids[row.place - 1]?.to?.messages.push(toMessage(row.message, row.delivered, row.read));
    }

    const sent = needs.flatMap(({ key, need, facts: to }) => (need.need === 'sent' ? [{ ...need, key, to }] : []));
    (await this.known(sent)).forEach((message, i) => {
      if (message !== null) sent[i]?.to?.messages.push(message);
    });

    const marks = needs.flatMap(({ key, need, facts: to }) => (need.need === 'marks' ? [{ key, need, to }] : []));
    if (marks.length > 0) {
      const values = [
        textArray(marks.map(({ key }) => key)),
        textArray(marks.map(({ need }) => need.userId)),
        plainArray(marks.map(({ need }) => need.below)),
        unreadMost,
      ];
      for (const row of await this.#query<MarksRow>('facts_marks', values)) {
        const one = marks[row.place - 1];
        const { userId, below } = one?.need ?? { userId: '', below: 0 };
        one?.to?.marks.push({ userId, delivered: row.delivered, read: row.read, unreadBelow: row.unread_below, below });
      }
    }

    const changes = needs.flatMap(({ key, need, facts: to }) => (need.need === 'changes' ? [{ key, need, to }] : []));
    if (changes.length > 0) {
      const values = [
        textArray(changes.map(({ key }) => key)),
        plainArray(changes.map(({ need }) => need.since)),
        plainArray(changes.map(({ need }) => need.limit)),
      ];
      for (const row of await this.#query<RangeRow & { place: number }>('facts_changes', values)) {
        const one = changes[row.place - 1];
        const { since, limit } = one?.need ?? { since: 0, limit: 0 };
        const tooMany = row.messages !== null && row.messages.length > limit;
        one?.to?.changes.push({ since, messages: tooMany ? null : toMessages(row) });
      }
    }

    const removals = needs.flatMap(({ key, need, facts: to }) => (need.need === 'removals' ? [{ key, need, to }] : []));
    if (removals.length > 0) {
      for (const { to } of removals) if (to !== undefined) to.removals ??= [];
      const values = [textArray(removals.map(({ key }) => key)), plainArray(removals.map(({ need }) => need.limit))];
      for (const row of await this.#query<RemovalRow>('facts_removals', values)) {
        const found = removals[row.place - 1]?.to?.removals;
        if (found?.every(({ id }) => id !== row.id) === true)
          found.push({ id: row.id, userId: row.user_id, version: row.version });
      }
    }
    return facts;
  }

  async known(
    sends: readonly {
      readonly key: RoomKey;
      readonly id: string;
      readonly senderId: string;
      readonly clientMsgId: string | null;
    }[],
  ): Promise<(Message | null)[]> {
    const found: (Message | null)[] = sends.map(() => null);
    if (sends.length === 0) return found;
    const rows = await this.#query<MessageRow>('known', [
      textArray(sends.map(({ key }) => key)),
      textArray(sends.map(({ id }) => id)),
      textArray(sends.map(({ senderId }) => senderId)),
      textArray(sends.map(({ clientMsgId }) => clientMsgId)),
    ]);
    for (const row of rows) found[row.place - 1] = toMessage(row.message, row.delivered, row.read);
    return found;
  }

  async heartbeat(): Promise<void> {
    await this.#query('heartbeat', []);
  }

  async release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    if (lease?.session.alive === true) await lease.freeAll().catch(() => undefined);
    await lease?.session.end();
  }

  #query<Row extends object>(name: string, values: readonly unknown[]): Promise<Row[]> {
    if (this.#lease === null) return Promise.reject(notConnected());
    return this.#lease.session.query<Row>({ name, text: sql(name), values });
  }
}

function notConnected(): StoreError {
  return new StoreError('lost', 'The writer is not connected');
}

interface MutableFacts {
  messages: Message[];
  marks: Marks[];
  changes: Changes[];
  removals?: Removal[];
}

interface RemovalRow {
  readonly place: number;
  readonly id: string;
  readonly version: number;
  readonly user_id: string | null;
}

interface SnapshotRow extends RangeRow {
  readonly key: string;
  readonly last_seq: number;
  readonly last_version: number;
  /** The room stands where the cache has it. */
  readonly cached?: boolean;
}

/** Where the cache has each room, for the parameters of snapshots_cached. */
function cachedValues(cached: readonly (CachedRoom | null)[]): readonly string[] {
  return [
    plainArray(cached.map((room) => room?.lastVersion ?? null)),
    plainArray(cached.map((room) => room?.lastSeq ?? null)),
    plainArray(cached.map((room) => room?.recent[0]?.seq ?? null)),
    textArray(
      cached.map((room) =>
        room === null ? null : JSON.stringify([...new Set(room.recent.map(({ senderId }) => senderId))]),
      ),
    ),
  ];
}

interface MarksRow {
  readonly place: number;
  readonly delivered: number;
  readonly read: number;
  readonly unread_below: number;
}

/** Server settings of a writer's session. */
export function writerSettings(
  deadlineMs: number,
  idleSessionMs = defaultIdleSessionMs,
): Record<string, string | number> {
  return {
    synchronous_commit: 'on',
    // Before our own deadline: a statement that the server cancels has surely written nothing, one that we abandon may have.
    statement_timeout: Math.max(50, Math.floor(deadlineMs * 0.8)),
    lock_timeout: Math.max(50, Math.floor(deadlineMs * 0.8)),
    idle_in_transaction_session_timeout: idleSessionMs,
    idle_session_timeout: idleSessionMs,
    ...keyedLookups,
  };
}
