/**
 * A Writer in memory for tests of the runtime's recoveries: it keeps what Postgres would keep, checks what Postgres would
 * check (compare-and-set, unique ids, poison values), and fails on demand, before or after it has applied a frame.
 */
import type { Message } from '../../src/actors/protocol/message.js';
import type { Facts, RoomSnapshot } from '../../src/actors/protocol/state.js';
import { StoreError, type Append, type Fence, type WriteFailure, type Writer } from '../../src/runtime/store/port.js';

export interface Mishap {
  readonly failure: WriteFailure;
  /** Whether the frame is written all the same: the reply is what got lost. */
  readonly applied: boolean;
}

interface Room {
  seq: number;
  version: number;
}

export class MemoryWriter implements Writer {
  static readonly poison = 'poison';
  messages: Message[] = [];
  #rooms = new Map<string, Room>();
  /** By room and user. */
  readonly #receipts = new Map<string, { readonly delivered: number; readonly read: number }>();
  /** Frames that were written, whether or not anybody heard of it. */
  applied = 0;
  /** Keys whose snapshots were asked for, in order. */
  readonly roomsRead: string[] = [];
  /** Consumed one per append. */
  mishaps: Mishap[] = [];
  /** Every append fails like this. */
  always: WriteFailure | null = null;
  #held = false;
  #epoch = 0;
  #gate: { readonly reached: () => void; readonly opened: Promise<void> } | null = null;

  version(key: string): number {
    return this.#rooms.get(key)?.version ?? 0;
  }

  /** The next append waits until it is let through. */
  hold(): { readonly reached: Promise<void>; readonly open: () => void } {
    let reached = (): void => undefined;
    let open = (): void => undefined;
    const reaching = new Promise<void>((resolve) => (reached = resolve));
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { reached, opened };
    return { reached: reaching, open };
  }

  /** Becomes another session of the same database. */
  take(other: MemoryWriter): void {
    this.messages = other.messages;
    this.#rooms = other.#rooms;
  }

  /** Partitions that another one holds: they are not granted. */
  readonly others = new Set<number>();
  readonly yielded: number[] = [];
  /** Claims of which something was refused. */
  refusals = 0;
  onYield = (): void => undefined;

  connect(): Promise<void> {
    this.#held = true;
    this.#epoch++;
    return Promise.resolve();
  }

  claim(partitions: readonly number[], whole: boolean): Promise<readonly Fence[]> {
    const free = partitions.filter((partition) => !this.others.has(partition));
    if (free.length < partitions.length) this.refusals++;
    if (whole && free.length < partitions.length) return Promise.resolve([]);
    return this.#answer(() => free.map((partition) => ({ partition, epoch: this.#epoch })));
  }

  yield(partitions: readonly number[]): Promise<void> {
    return this.#answer(() => {
      this.onYield();
      this.yielded.push(...partitions);
    });
  }

  /** When the session last answered, where a test says so itself; until the next heartbeat. */
  proven: number | null = null;
  heartbeats = 0;
  #answeredAt = -Infinity;

  get provenAt(): number {
    if (!this.#held) return -Infinity;
    return this.proven ?? this.#answeredAt;
  }

  /** Another one has taken the partitions, and this session has not heard of it yet. */
  end(): void {
    this.#held = false;
  }

  onLost(): void {
    // This session ends only in the middle of a call.
  }

  async append(append: Append): Promise<void> {
    const gate = this.#gate;
    this.#gate = null;
    gate?.reached();
    await gate?.opened;
    if (!this.#held) throw new StoreError('lost', 'not connected');
    if (this.always !== null) throw new StoreError(this.always, 'always');
    const mishap = this.mishaps.shift();
    if (mishap === undefined || mishap.applied) this.#apply(append);
    this.#answeredAt = performance.now();
    if (mishap === undefined) return;
    if (mishap.failure === 'lost' || mishap.failure === 'fenced') this.#held = false;
    throw new StoreError(mishap.failure, 'mishap');
  }

  #apply(append: Append): void {
    if (append.fences.some(({ epoch }) => epoch !== this.#epoch)) throw new StoreError('fenced', 'epoch');
    for (const step of append.rooms) {
      const room = this.#rooms.get(step.key) ?? { seq: 0, version: 0 };
      if (room.seq !== step.fromSeq || room.version !== step.fromVersion) throw new StoreError('stale', step.key);
    }
    for (const created of append.created) {
      if (created.content === MemoryWriter.poison) throw new StoreError('data', 'poison');
      const twin = (message: Message): boolean =>
        message.id === created.id ||
        (message.key === created.key && message.clientMsgId !== null && message.clientMsgId === created.clientMsgId);
      if (this.messages.some(twin)) throw new StoreError('duplicate', created.id);
    }
    for (const step of append.rooms) this.#rooms.set(step.key, { seq: step.toSeq, version: step.toVersion });
    this.applied++;
    for (const { key, userId, delivered, read } of append.receipts)
      this.#receipts.set(`${key} ${userId}`, { delivered, read });
    this.messages.push(...append.created);
    for (const changed of append.changed)
      this.messages = this.messages.map((message) => (message.id === changed.id ? changed : message));
  }

  snapshots(keys: readonly string[], recent: number): Promise<RoomSnapshot[]> {
    this.roomsRead.push(...keys);
    return this.#answer(() =>
      keys.map((key) => {
        const { seq, version } = this.#rooms.get(key) ?? { seq: 0, version: 0 };
        return { key, lastSeq: seq, lastVersion: version, recent: this.#inRoom(key).slice(-recent) };
      }),
    );
  }

  facts(asked: Parameters<Writer['facts']>[0]): Promise<Facts[]> {
    return this.#answer(() =>
      asked.map(({ key, needs }) => ({
        messages: this.#inRoom(key).filter(({ id }) => needs.some((need) => need.need === 'message' && need.id === id)),
        marks: needs.flatMap((need) =>
          need.need === 'marks'
            ? [
                {
                  userId: need.userId,
                  delivered: 0,
                  read: 0,
                  ...this.#receipts.get(`${key} ${need.userId}`),
                  unreadBelow: this.#inRoom(key).filter(({ seq }) => seq < need.below).length,
                  below: need.below,
                },
              ]
            : [],
        ),
        changes: [],
      })),
    );
  }

  known(sends: Parameters<Writer['known']>[0]): Promise<(Message | null)[]> {
    return this.#answer(() =>
      sends.map(({ key, id, clientMsgId }) => {
        const inRoom = this.#inRoom(key);
        return (
          inRoom.find((message) => message.id === id) ??
          inRoom.find((message) => clientMsgId !== null && message.clientMsgId === clientMsgId) ??
          null
        );
      }),
    );
  }

  heartbeat(): Promise<void> {
    this.heartbeats += 1;
    return this.#answer(() => void (this.proven = null));
  }

  release(): Promise<void> {
    this.#held = false;
    return Promise.resolve();
  }

  #inRoom(key: string): Message[] {
    return this.messages.filter((message) => message.key === key);
  }

  #answer<T>(read: () => T): Promise<T> {
    if (!this.#held) return Promise.reject(new StoreError('lost', 'not connected'));
    this.#answeredAt = performance.now();
    return Promise.resolve(read());
  }
}
