/**
 * The integration events of one frame, in the order in which they happened. Messages of a room that follow each other are
 * one row, whatever their number: a burst costs the transaction one row instead of hundreds.
 */
import type { RoomEvent } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { OutboxRow } from './store/port.js';

type Durable = Extract<RoomEvent, { readonly durable: true }>;
type Run = { -readonly [K in keyof OutboxRow]: OutboxRow[K] };

export class OutboxRows {
  readonly #rows: Run[] = [];
  /** The row that the room's next message may still join: the last event of the room so far was its last message. */
  readonly #runs = new Map<RoomKey, Run>();

  get rows(): readonly OutboxRow[] {
    return this.#rows;
  }

  /** Must be called for every durable event that is written by this frame, in order. */
  add(key: RoomKey, partition: number, event: Durable): void {
    const run = this.#runs.get(key);
    if (event.type === 'message_created') {
      const { seq, version } = event.message;
      if (run !== undefined) {
        run.to = seq;
        return;
      }
      const row: Run = { ...blank, partition, key, kind: 'created', from: seq, to: seq, version };
      this.#rows.push(row);
      this.#runs.set(key, row);
      return;
    }
    if (run !== undefined) this.#runs.delete(key);
    switch (event.type) {
      case 'message_edited':
      case 'message_deleted': {
        const { seq, version } = event.message;
        const kind = event.type === 'message_edited' ? 'edited' : 'deleted';
        this.#rows.push({ ...blank, partition, key, kind, from: seq, to: seq, version });
        return;
      }
      case 'receipt_advanced': {
        const { userId, messageIds, level: kind, from, upTo: to } = event;
        this.#rows.push({ ...blank, partition, key, kind, from, to, userId, messageIds });
        return;
      }
      case 'members_evicted':
        // The neighbour that removed them knows.
        return;
    }
  }
}

const blank = { version: 0, userId: null, messageIds: null } as const;
