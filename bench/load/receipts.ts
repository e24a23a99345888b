/**
 * A closed loop of messages in which every member answers what it reads by receipts: delivered, then read, then the next
 * message that is newest by then, one receipt unanswered at a time. So there are as many as the server answers.
 */
import { beginSending, measureWindow, resultOf } from './closed-loop.js';
import type { Answer, Member } from './member.js';
import type { ClosedLoop, Latency, LoadResult } from './plan.js';
import { drain, enter, leave, settled, validate, type Room } from './rooms.js';
import { Tally } from './tally.js';

export interface Receipts extends Omit<ClosedLoop, 'kind'> {
  readonly kind: 'receipts';
  /** Whether receipts are sent; without them it is the loop to compare with. */
  readonly marking: boolean;
}

export interface ReceiptsResult extends LoadResult {
  /** Receipts acked in the window. */
  readonly receipts: number;
  /** `messages_read` and `messages_delivered` that arrived at the others, in the window. */
  readonly told: number;
  readonly receiptLatency: Latency;
  /** Over the whole run. All but `marked` should be 0. */
  readonly receiptValidation: {
    /** Receipts that raised a mark. */
    readonly marked: number;
    readonly refused: number;
    /** Members whose last receipt does not cover the room's last message, or who have something unread after it. */
    readonly short: number;
    /** Broadcasts short of what others' receipts caused, over all members; and beyond it. */
    readonly missing: number;
    readonly extra: number;
  };
}

const idField = Buffer.from('"id":"');
const idLength = 36;
const receiptEvent = Buffer.from('42["messages_');

class Marker {
  readonly member: Member;
  readonly #roomId: string;
  readonly #tally: Tally;
  /** The id of the newest message that arrived, and whether there is one beyond what was marked. */
  readonly #newest = Buffer.alloc(idLength);
  #fresh = false;
  #busy = false;
  #stopped = false;
  marked = 0;
  heard = 0;
  refused = 0;
  upTo = 0;

  constructor(member: Member, roomId: string, tally: Tally) {
    this.member = member;
    this.#roomId = roomId;
    this.#tally = tally;
    member.onMessage = (buffer, start, end) => {
      const at = buffer.indexOf(idField, start) + idField.length;
      if (at >= idField.length && at + idLength <= end) buffer.copy(this.#newest, 0, at, at + idLength);
      this.#fresh = true;
      if (!this.#busy && !this.#stopped) void this.#markAll();
    };
    member.onOther = (buffer, start, end) => {
      const until = Math.min(end, start + receiptEvent.length);
      if (buffer.compare(receiptEvent, 0, receiptEvent.length, start, until) !== 0) return;
      this.heard += 1;
      if (tally.measuring) tally.deliveries += 1;
    };
  }

  get busy(): boolean {
    return this.#busy;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Marks the newest message as read, whatever was marked before. */
  finish(): Promise<void> {
    return this.#mark('mark_read');
  }

  async #markAll(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#fresh && !this.#stopped) {
        this.#fresh = false;
        await this.#mark('mark_delivered');
        await this.#mark('mark_read');
      }
    } catch {
      // The connection closed: the member counts that.
    } finally {
      this.#busy = false;
    }
  }

  async #mark(event: 'mark_delivered' | 'mark_read'): Promise<void> {
    const messageIds = [this.#newest.toString('latin1')];
    const started = performance.now();
    const answer = await this.member.ask(event, { roomId: this.#roomId, messageIds });
    this.#tally.answered(started);
    if (answer['success'] !== true) {
      this.refused += 1;
      return;
    }
    const { from, upTo } = numbersOf(answer);
    if (from < upTo) this.marked += 1;
    this.upTo = Math.max(this.upTo, upTo);
  }
}

function numbersOf(answer: Answer): { readonly from: number; readonly upTo: number } {
  return { from: Number(answer['from']), upTo: Number(answer['upTo']) };
}

export async function runReceipts(plan: Receipts, onWindow: (edge: 'start' | 'end') => void): Promise<ReceiptsResult> {
  const messages = new Tally();
  const receipts = new Tally();
  const rooms = await enter(plan, messages);
  const markers = new Map<Room, readonly Marker[]>(
    plan.marking
      ? rooms.map((room) => [room, room.members.map((member) => new Marker(member, room.id, receipts))])
      : [],
  );
  const stop = beginSending(rooms, plan);
  const window = await measureWindow(plan, [messages, receipts], onWindow);
  stop();
  await drain(rooms);
  const receiptValidation = await judge(markers);
  const result = resultOf(window, messages, validate(rooms));
  leave(rooms);
  return {
    ...result,
    receipts: receipts.acked,
    told: receipts.deliveries,
    receiptLatency: receipts.latency.summary(),
    receiptValidation,
  };
}

/** Ends the receipts, lets everybody mark the last message, and compares what was heard with what was marked. */
async function judge(rooms: ReadonlyMap<Room, readonly Marker[]>): Promise<ReceiptsResult['receiptValidation']> {
  const all = [...rooms.values()].flat();
  for (const marker of all) marker.stop();
  await settled(() => ({ missing: all.filter(({ busy }) => busy).length, moved: total(all, ({ marked }) => marked) }));
  await Promise.all(all.map((marker) => marker.finish()));
  const lacking = () => {
    let missing = 0;
    let extra = 0;
    for (const markers of rooms.values()) {
      const marked = total(markers, (marker) => marker.marked);
      for (const marker of markers) {
        const lack = marked - marker.marked - marker.heard;
        missing += Math.max(0, lack);
        extra += Math.max(0, -lack);
      }
    }
    return { missing, extra };
  };
  await settled(() => ({ missing: lacking().missing, moved: total(all, ({ heard }) => heard) }));
  let short = 0;
  for (const [{ id, members }, markers] of rooms) {
    const last = members.reduce((sum, member) => sum + member.acked, 0);
    for (const { member, upTo } of markers) {
      const { unread } = await member.join(id);
      if (upTo !== last || unread !== 0) short += 1;
    }
  }
  return {
    marked: total(all, ({ marked }) => marked),
    refused: total(all, ({ refused }) => refused),
    short,
    ...lacking(),
  };
}

function total(markers: readonly Marker[], of: (marker: Marker) => number): number {
  return markers.reduce((sum, marker) => sum + of(marker), 0);
}
