/**
 * A chat for tests of the edge: it obeys the port and keeps rooms in memory. Commands wait until the test commits them as one
 * frame (or, with `auto`, until the next turn), so that tests decide what shares a frame.
 */
import { directKey, roomIdOf, type RoomKey } from '../../../src/actors/protocol/ids.js';
import { reject, type RejectionCode } from '../../../src/actors/rejections.js';
import type { Chat, ChatCounts, Covered, Done, Finish, Identity, Result } from '../../../src/edge/port.js';
import type { Burst, PlacedBroadcast } from '../../../src/runtime/frames.js';
import type { EdgeListener } from '../../../src/runtime/rooms.js';

interface Room {
  version: number;
  readonly messages: { readonly seq: number; readonly version: number; readonly content: string }[];
}

interface Effect {
  readonly body: string;
  readonly events: readonly Omit<PlacedBroadcast, 'at'>[];
}

interface Waiting {
  readonly key: RoomKey;
  readonly apply: () => Effect;
  readonly finish: Finish;
}

function field(input: unknown, name: string): string | null {
  if (typeof input !== 'object' || input === null) return null;
  const value: unknown = Object.entries(input).find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? value : null;
}

export class FakeChat implements Chat {
  listener: EdgeListener | null = null;
  auto = false;
  readonly departed: string[] = [];
  /** Whether the socket of each departure has come back. */
  readonly departures: (() => boolean)[] = [];
  readonly rooms = new Map<RoomKey, Room>();
  #waiting: Waiting[] = [];
  #scheduled = false;
  readonly #wakes: (() => void)[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when that many commands wait for their frame. */
  async arrived(count: number): Promise<void> {
    while (this.#waiting.length < count) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }

  room(key: RoomKey): Room {
    let room = this.rooms.get(key);
    if (room === undefined) this.rooms.set(key, (room = { version: 0, messages: [] }));
    return room;
  }

  /**
   * Commits what waits as one frame: all replies, then the bursts.
   * @param told instead of what the commands would tell
   */
  commit(told?: readonly Burst[]): void {
    const frame = this.#waiting;
    this.#waiting = [];
    const bursts = new Map<RoomKey, PlacedBroadcast[]>();
    for (const [at, { key, apply, finish }] of frame.entries()) {
      const { body, events } = apply();
      const placed = bursts.get(key) ?? [];
      placed.push(...events.map((event) => ({ ...event, at })));
      if (placed.length > 0) bursts.set(key, placed);
      finish({ ok: true, value: { key, body, resync: null, at } satisfies Done });
    }
    this.burst(told ?? [...bursts].map(([key, events]) => ({ key, events })));
  }

  /** Answers those who wait, or the first of them, that the outcome is not known; it may still come. */
  giveUp(count = this.#waiting.length): void {
    const frame = this.#waiting.splice(0, count);
    for (const { finish } of frame) finish({ ok: false, rejection: reject('UNAVAILABLE') });
  }

  /** Refuses everyone who waits. */
  refuse(code: RejectionCode): void {
    for (const { finish } of this.#waiting.splice(0)) finish({ ok: false, rejection: reject(code) });
  }

  burst(bursts: readonly Burst[]): void {
    this.listener?.onBursts(bursts);
  }

  send(caller: Identity, input: unknown, finish: Finish): void {
    const content = field(input, 'content');
    const receiver = field(input, 'receiver_id');
    const key = receiver === null ? field(input, 'room_id') : directKey(caller.userId, receiver);
    if (content === null || key === null) {
      finish({ ok: false, rejection: reject('VALIDATION') });
      return;
    }
    this.#push(key, finish, () => {
      const room = this.room(key);
      const version = (room.version += 1);
      const message = { seq: room.messages.length + 1, version, content };
      room.messages.push(message);
      const body = JSON.stringify({ id: `m${version}`, room_id: roomIdOf(key), sender_id: caller.userId, ...message });
      return { body, events: [{ packet: `["new_message",${body}]`, version, except: null }] };
    });
  }

  join(caller: Identity, _socketId: string, input: unknown, finish: Finish): void {
    const key = field(input, 'roomId');
    if (key === null) {
      finish({ ok: false, rejection: reject('VALIDATION') });
      return;
    }
    this.#push(key, finish, () => {
      const { version, messages } = this.room(key);
      const body = JSON.stringify({ roomId: key, messages, success: true, seq: messages.length, version, unread: 0 });
      return { body, events: [this.#told('user_joined', caller, key)] };
    });
  }

  leave(caller: Identity, _socketId: string, input: unknown, finish: Finish): void {
    const key = field(input, 'roomId') ?? '';
    this.#push(key, finish, () => ({
      body: JSON.stringify({ roomId: key, success: true }),
      events: [this.#told('user_left', caller, key)],
    }));
  }

  typing(caller: Identity, input: unknown, finish: Finish): void {
    const key = field(input, 'roomId') ?? '';
    this.#push(key, finish, () => ({ body: '{}', events: [this.#told('user_typing', caller, key)] }));
  }

  stopTyping(caller: Identity, input: unknown, finish: Finish): void {
    const key = field(input, 'roomId') ?? '';
    this.#push(key, finish, () => ({ body: '{}', events: [this.#told('user_stopped_typing', caller, key)] }));
  }

  typingUsers(_caller: Identity, input: unknown, finish: Finish): void {
    const key = field(input, 'roomId') ?? '';
    this.#push(key, finish, () => ({ body: JSON.stringify({ roomId: key, typingUsers: ['zoe'] }), events: [] }));
  }

  edit(_caller: Identity, _input: unknown, finish: Finish): void {
    finish({ ok: false, rejection: reject('RATE_LIMITED'), retryAfterMs: 250 });
  }

  remove(_caller: Identity, _input: unknown, finish: Finish): void {
    this.#push('r', finish, () => ({ body: '{"messageId":"m1","roomId":"r","seq":1,"version":2}', events: [] }));
  }

  mark(_caller: Identity, _level: 'read' | 'delivered', input: unknown): Promise<Result<readonly Covered[]>> {
    const roomId = field(input, 'roomId') ?? 'r';
    if (roomId === 'throws') return Promise.reject(new Error('a bug'));
    const rooms = roomId === 'many' ? ['r', 's'] : roomId === 'none' ? [] : [roomId];
    const covered = rooms.map((key) => ({
      key,
      body: JSON.stringify({ roomId: key, messageIds: ['m1'], from: 0, upTo: 1 }),
    }));
    return Promise.resolve({ ok: true, value: covered });
  }

  markAndList(): Promise<Result<string>> {
    return Promise.resolve({ ok: true, value: '[]' });
  }

  history(): Promise<Result<string>> {
    return Promise.resolve({
      ok: true,
      value: '{"data":[{"id":"m1"}],"pagination":{"limit":50,"offset":null,"total":1,"next":null,"prev":null}}',
    });
  }

  changes(): Promise<Result<never>> {
    return Promise.resolve({ ok: false, rejection: reject('NOT_FOUND') });
  }

  counts(): ChatCounts {
    return { pages: { memory: 0, store: 0, shared: 0 }, catchUps: 0 };
  }

  unread(): Promise<Result<number>> {
    return Promise.resolve({ ok: true, value: 0 });
  }

  depart(userId: string, _socketId: string, key: RoomKey, returned = () => false): void {
    this.departures.push(returned);
    if (returned()) return;
    this.departed.push(`${userId}@${key}`);
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Resolves when a socket of the user departed from the room. */
  async gone(what: string): Promise<void> {
    while (!this.departed.includes(what)) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }

  #told(event: string, { userId }: Identity, key: RoomKey): Omit<PlacedBroadcast, 'at'> {
    return { packet: JSON.stringify([event, { userId, roomId: key }]), version: null, except: userId };
  }

  #push(key: RoomKey, finish: Finish, apply: () => Effect): void {
    this.#waiting.push({ key, apply, finish });
    for (const wake of this.#wakes.splice(0)) wake();
    if (!this.auto || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.commit();
    });
  }
}
