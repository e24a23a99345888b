/** Folds the durable events of a frame into one Append: the last state of each message, each room's compare-and-set. */
import type { EvictionEvent, MessageEvent, ReceiptEvent, RoomEvent } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Message } from '../actors/protocol/message.js';
import { OutboxRows } from './outbox-rows.js';
import type { Append, Fence, RoomStep } from './store/port.js';

interface Touched {
  readonly key: RoomKey;
  readonly partition: number;
  readonly fromSeq: number;
  readonly fromVersion: number;
}

type Receipt = Append['receipts'][number];
type Removal = NonNullable<Append['removals']>[number];

export class AppendBuilder {
  readonly #rooms = new Map<RoomKey, Touched>();
  readonly #created = new Map<string, Message>();
  readonly #changed = new Map<string, Message>();
  readonly #receipts = new Map<string, Receipt>();
  readonly #removals: Removal[] = [];
  readonly #outbox: OutboxRows | null;

  /** @param outbox whether integration events are to be sent */
  constructor(outbox = false) {
    this.#outbox = outbox ? new OutboxRows() : null;
  }

  /** Must be called before the room's first event of the frame evolves. */
  touch(key: RoomKey, partition: number, seq: number, version: number): void {
    if (!this.#rooms.has(key)) this.#rooms.set(key, { key, partition, fromSeq: seq, fromVersion: version });
  }

  add(key: RoomKey, event: RoomEvent): void {
    if (!event.durable) return;
    if (event.replayed) return;
    if (event.type === 'receipt_advanced') this.#addReceipt(key, event);
    else if (event.type === 'members_evicted') this.#addRemoval(key, event);
    else this.#addMessage(event);
    this.#outbox?.add(key, this.#rooms.get(key)?.partition ?? 0, event);
  }

  #addReceipt(key: RoomKey, { userId, delivered, read }: ReceiptEvent): void {
    // Watermarks only rise, so the last one of a frame is the highest.
    this.#receipts.set(JSON.stringify([key, userId]), { key, userId, delivered, read });
  }

  #addMessage({ type, message }: MessageEvent): void {
    if (type === 'message_created' || this.#created.has(message.id)) this.#created.set(message.id, message);
    else this.#changed.set(message.id, message);
  }

  #addRemoval(key: RoomKey, { id, userId, version }: EvictionEvent): void {
    this.#removals.push({ key, id, userId, version });
  }

  /** Null when nothing of the frame is durable: then there is nothing to commit. */
  build(
    fenceOf: (partition: number) => Fence,
    standing: (key: RoomKey) => { readonly seq: number; readonly version: number },
  ): Append | null {
    if (this.#created.size + this.#changed.size + this.#receipts.size + this.#removals.length === 0) return null;
    const fences = new Map<number, Fence>();
    const rooms: RoomStep[] = [];
    for (const { key, partition, fromSeq, fromVersion } of this.#rooms.values()) {
      if (!fences.has(partition)) fences.set(partition, fenceOf(partition));
      const { seq, version } = standing(key);
      if (version > fromVersion) rooms.push({ key, partition, fromSeq, fromVersion, toSeq: seq, toVersion: version });
    }
    const outbox = this.#outbox?.rows ?? [];
    return {
      fences: [...fences.values()],
      rooms,
      created: [...this.#created.values()],
      changed: [...this.#changed.values()],
      receipts: [...this.#receipts.values()],
      ...(outbox.length === 0 ? {} : { outbox }),
      ...(this.#removals.length === 0 ? {} : { removals: this.#removals }),
    };
  }
}
