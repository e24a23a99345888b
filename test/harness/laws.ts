/**
 * The judge of what clients recorded: per room and socket, is the stream gapless, without doubles and in order, and is a
 * stored history exactly 1..n? Violations are values, so that tests can show that the judge sees tampering.
 */
import type { Heard } from './client.js';
import type { MessageDeleted, RoomJoined, WireMessage } from './wire.js';

export type Fault = 'lost' | 'doubled' | 'disorder' | 'changed';

export interface Violation {
  readonly room: string;
  readonly fault: Fault;
  readonly detail: string;
}

interface Place {
  /** Last seq and version that were seen; the next must follow directly. */
  seq: number;
  version: number;
}

function step(room: string, name: string, last: number, next: number): Violation | null {
  if (next === last + 1) return null;
  const detail = `${name} ${next} came after ${last}`;
  if (next > last + 1) return { room, fault: 'lost', detail };
  return { room, fault: next === last ? 'doubled' : 'disorder', detail };
}

/** The conversation of a message: its room, or the pair of users. */
export function conversationOf(message: WireMessage): string {
  return message.room_id ?? `direct ${JSON.stringify([message.sender_id, message.receiver_id ?? ''].sort())}`;
}

/**
 * Judges one socket's events as they come (law 2 and 4): from every `room_joined` on, versions and seqs follow each other
 * without a hole, a double or a swap. A `resync_required` for a gap announces a hole: the room is judged again from the
 * next `room_joined`. A direct conversation needs no join: it is judged from its first event.
 */
export class StreamJudge {
  readonly violations: Violation[] = [];
  readonly #places = new Map<string, Place>();
  /** Which conversation a message of a direct conversation belongs to: its deletion does not say. */
  readonly #conversations = new Map<string, string>();

  hear({ event, data }: Heard): void {
    if (event === 'room_joined') {
      const joined = data as RoomJoined;
      const room = joined.roomId ?? '';
      this.violations.push(...checkSnapshot(room, joined));
      this.#places.set(room, { seq: joined.seq, version: joined.version });
    } else if (event === 'resync_required') {
      const { roomId, reason } = data as { roomId: string; reason: string };
      // A declined catch-up announces a hole before the snapshot; after it the stream is as whole as ever.
      if (reason === 'gap' || reason === 'slow_consumer') this.#places.delete(roomId);
    } else if (event === 'room_left') {
      this.#places.delete((data as { roomId: string }).roomId);
    } else if (event === 'new_message') {
      this.#created(data as WireMessage);
    } else if (event === 'message_edited') {
      const message = data as WireMessage;
      this.#advance(conversationOf(message), null, message.version);
    } else if (event === 'message_deleted') {
      const deleted = data as MessageDeleted;
      const room = deleted.roomId ?? this.#conversations.get(deleted.messageId);
      if (room !== undefined) this.#advance(room, null, deleted.version);
    }
  }

  #created(message: WireMessage): void {
    const room = conversationOf(message);
    if (message.room_id === null) {
      this.#conversations.set(message.id, room);
      if (!this.#places.has(room)) this.#places.set(room, { seq: message.seq - 1, version: message.version - 1 });
    }
    this.#advance(room, message.seq, message.version);
  }

  #advance(room: string, seq: number | null, version: number): void {
    const place = this.#places.get(room);
    if (place === undefined) return;
    const wrong =
      step(room, 'version', place.version, version) ?? (seq === null ? null : step(room, 'seq', place.seq, seq));
    if (wrong !== null) this.violations.push(wrong);
    place.version = Math.max(place.version, version);
    if (seq !== null) place.seq = Math.max(place.seq, seq);
  }
}

/** Judges a whole recording of one socket. */
export function checkStream(heard: readonly Heard[]): Violation[] {
  const judge = new StreamJudge();
  for (const one of heard) judge.hear(one);
  return judge.violations;
}

/** A snapshot's messages ascend without a double, and none lies beyond the head it tells. */
function checkSnapshot(room: string, joined: RoomJoined): Violation[] {
  const violations: Violation[] = [];
  let last = 0;
  for (const { seq, version } of joined.messages) {
    if (seq <= last)
      violations.push({
        room,
        fault: seq === last ? 'doubled' : 'disorder',
        detail: `snapshot seq ${seq} after ${last}`,
      });
    if (seq > joined.seq || version > joined.version)
      violations.push({
        room,
        fault: 'disorder',
        detail: `snapshot holds seq ${seq}, version ${version} beyond its head`,
      });
    last = seq;
  }
  return violations;
}

/** Judges a stored history (law 2): exactly 1..n, every id once, n the total. */
export function checkHistory(
  room: string,
  messages: readonly WireMessage[],
  total: number = messages.length,
): Violation[] {
  const violations: Violation[] = [];
  let last = 0;
  const ids = new Set<string>();
  for (const { seq, id } of messages) {
    const wrong = step(room, 'seq', last, seq);
    if (wrong !== null) violations.push(wrong);
    if (ids.has(id)) violations.push({ room, fault: 'doubled', detail: `id ${id} twice` });
    ids.add(id);
    last = Math.max(last, seq);
  }
  if (total !== messages.length)
    violations.push({
      room,
      fault: total > messages.length ? 'lost' : 'doubled',
      detail: `total ${total}, paged ${messages.length}`,
    });
  return violations;
}

/** What a client was promised: this content under this id and seq. */
export interface Promised {
  readonly id: string;
  readonly seq: number;
  readonly content: string;
}

/** Judges the store against promises (law 1): everything acked is there, at its place, unchanged. */
export function checkPromises(
  room: string,
  promised: readonly Promised[],
  messages: readonly WireMessage[],
): Violation[] {
  const stored = new Map(messages.map((message) => [message.id, message]));
  const violations: Violation[] = [];
  for (const { id, seq, content } of promised) {
    const message = stored.get(id);
    if (message === undefined)
      violations.push({ room, fault: 'lost', detail: `acked ${id} (seq ${seq}) is not stored` });
    else if (message.seq !== seq)
      violations.push({ room, fault: 'disorder', detail: `${id} moved from ${seq} to ${message.seq}` });
    else if (message.content !== content)
      violations.push({ room, fault: 'changed', detail: `${id} has another content` });
  }
  return violations;
}
