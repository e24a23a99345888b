/** What the store promises, in arrays: everything ever committed, built from events alone. */
import type { SendCommand } from '../../../src/actors/protocol/commands.js';
import type { EvictionEvent, RoomEvent } from '../../../src/actors/protocol/events.js';
import type { Message } from '../../../src/actors/protocol/message.js';
import type { Facts, Need, Removal, RoomSnapshot } from '../../../src/actors/protocol/state.js';

interface Row {
  readonly userId: string;
  delivered: number;
  read: number;
}

/** A created message whose id or client_msg_id exists already; nothing of its frame was written. */
export class Duplicate extends Error {}

export class Database {
  readonly key: string;
  readonly #messages: Message[] = [];
  readonly #receipts: Row[] = [];
  readonly #removals: Removal[] = [];
  /** How often facts were asked for. */
  reads = 0;

  constructor(key: string) {
    this.key = key;
  }

  get lastSeq(): number {
    return this.#messages.length;
  }

  get lastVersion(): number {
    return Math.max(0, ...[...this.#messages, ...this.#removals].map(({ version }) => version));
  }

  /** All messages by seq, counts taken from the receipts. */
  messages(): Message[] {
    return this.#messages.map((message) => this.#counted(message));
  }

  receipts(): readonly Readonly<Row>[] {
    return this.#receipts;
  }

  /** Writes the durable events of a frame, all or nothing, and refuses whatever breaks a law. */
  commit(events: readonly RoomEvent[]): void {
    const created = new Map<string, Message>();
    for (const event of events)
      if (event.type === 'message_created' && !event.replayed) created.set(event.message.id, event.message);
    for (const message of created.values()) if (this.#find(message) !== null) throw new Duplicate();
    for (const event of events) {
      if (event.type === 'receipt_advanced') {
        if (!event.replayed) this.#advance(event.userId, event.delivered, event.read);
      } else if (event.type === 'members_evicted') this.#remove(event);
      else if (event.durable && !event.replayed) this.#write(event.message, event.type === 'message_created');
    }
  }

  #remove({ id, userId, version, replayed }: EvictionEvent): void {
    if (replayed) return;
    if (version !== this.lastVersion + 1) throw new Error('law 5: the version is not the next one');
    this.#removals.push({ id, userId, version });
  }

  #write(message: Message, created: boolean): void {
    if (message.version !== this.lastVersion + 1) throw new Error('law 5: the version is not the next one');
    if (created && message.seq !== this.#messages.length + 1) throw new Error('law 2: the seq is not the next one');
    if (!created && this.#messages[message.seq - 1]?.id !== message.id)
      throw new Error('law 2: another message is there');
    this.#messages[message.seq - 1] = message;
  }

  #advance(userId: string, delivered: number, read: number): void {
    let row = this.#receipts.find((each) => each.userId === userId);
    if (row === undefined) this.#receipts.push((row = { userId, delivered: 0, read: 0 }));
    if (delivered < row.delivered || read < row.read) throw new Error('law 8: a watermark fell');
    if (delivered > this.lastSeq || read > delivered) throw new Error('law 8: a watermark passed its bound');
    if (delivered === row.delivered && read === row.read) throw new Error('a receipt without effect');
    row.delivered = delivered;
    row.read = read;
  }

  snapshot(recent: number): RoomSnapshot {
    const { key, lastSeq, lastVersion } = this;
    return { key, lastSeq, lastVersion, recent: structuredClone(this.messages().slice(-recent)) };
  }

  known(send: SendCommand): Message | null {
    return this.#find(send);
  }

  facts(needs: readonly Need[]): Facts {
    this.reads++;
    const messages: Message[] = [];
    const marks: Facts['marks'][number][] = [];
    const changes: Facts['changes'][number][] = [];
    let removals: readonly Removal[] | undefined;
    for (const need of needs) {
      if (need.need === 'message') messages.push(...this.messages().filter((message) => message.id === need.id));
      else if (need.need === 'sent') {
        const sent = this.#find(need);
        if (sent !== null) messages.push(sent);
      } else if (need.need === 'marks') {
        const { userId, below } = need;
        const { delivered, read } = this.#receipts.find((row) => row.userId === userId) ?? { delivered: 0, read: 0 };
        const unread = this.#messages.filter(
          (message) =>
            message.seq > read && message.seq < below && message.senderId !== userId && message.deletedAt === null,
        );
        marks.push({ userId, delivered, read, unreadBelow: unread.length, below });
      } else if (need.need === 'removals') removals = this.#removals.slice(-need.limit);
      else {
        const changed = this.messages().filter((message) => message.version > need.since);
        changes.push({ since: need.since, messages: changed.length > need.limit ? null : changed });
      }
    }
    return structuredClone({ messages, marks, changes, ...(removals === undefined ? {} : { removals }) });
  }

  #find(wanted: Pick<SendCommand, 'id' | 'senderId' | 'clientMsgId'>): Message | null {
    const found = this.messages().find(
      (message) =>
        message.id === wanted.id ||
        (wanted.clientMsgId !== null &&
          message.clientMsgId === wanted.clientMsgId &&
          message.senderId === wanted.senderId),
    );
    return found ?? null;
  }

  #counted(message: Message): Message {
    const others = this.#receipts.filter((row) => row.userId !== message.senderId);
    return {
      ...message,
      deliveredCount: others.filter((row) => row.delivered >= message.seq).length,
      readCount: others.filter((row) => row.read >= message.seq).length,
    };
  }
}
