/**
 * The history of a run: everything that clients asked, were answered and heard, what was done to the servers, and what the
 * store held in the end; one JSON object per line. The checks read nothing else, so a kept file can be judged again.
 */
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import { once } from 'node:events';

/** A message as somebody saw it; `content` is empty once deleted. */
export interface Seen {
  readonly id: string;
  readonly seq: number;
  readonly version: number;
  readonly content: string;
  readonly deleted: boolean;
}

export type Operation = 'send' | 'edit' | 'delete' | 'read' | 'join' | 'page';

/** Somebody asks for something. `op` names the request in its completion. */
export interface Invoke {
  readonly type: 'invoke';
  readonly op: number;
  readonly kind: Operation;
  readonly user: string;
  readonly session: string;
  readonly room: string;
  /** send: the client_msg_id. A retry repeats it. */
  readonly name?: string;
  readonly content?: string;
  /** edit, delete, read: of which message. */
  readonly id?: string;
  /** join: the version that the client has. */
  readonly since?: number;
}

/** It was done. */
export interface Ok {
  readonly type: 'ok';
  readonly op: number;
  /** send, edit, delete: the message afterwards. */
  readonly message?: Seen;
  /** read: the watermark. */
  readonly upTo?: number;
  /** page: what was read, seq ascending, from `after` on (exclusive). */
  readonly after?: number;
  readonly messages?: readonly Seen[];
}

/** It was refused: it did not happen, or (retryable) may have. */
export interface Fail {
  readonly type: 'fail';
  readonly op: number;
  readonly code: string;
  readonly retryable: boolean;
}

/** No answer came: it may have happened, or still may. */
export interface Unknown {
  readonly type: 'unknown';
  readonly op: number;
  readonly why: string;
}

export interface SessionChange {
  readonly type: 'session';
  readonly session: string;
  readonly user: string;
  readonly node: number;
  readonly phase: 'open' | 'closed';
  readonly reason?: string;
}

/** `room_joined` at its place among the events of the socket. */
export interface Joined {
  readonly type: 'joined';
  readonly session: string;
  readonly user: string;
  readonly room: string;
  readonly op: number;
  /** Whether a `since` was asked for; `messages` are then all that changed, unless a resync follows. */
  readonly since: number | null;
  readonly seq: number;
  readonly version: number;
  readonly messages: readonly Seen[];
}

/** A durable event at a socket. */
export interface Heard {
  readonly type: 'heard';
  readonly event: 'new_message' | 'message_edited' | 'message_deleted';
  readonly session: string;
  readonly user: string;
  readonly room: string;
  readonly message: Seen;
}

/** `messages_read` of somebody at a socket. */
export interface ReceiptHeard {
  readonly type: 'receipt';
  readonly session: string;
  readonly room: string;
  readonly reader: string;
  readonly upTo: number;
}

/** `resync_required`, or the end of a membership (`room_left`). */
export interface Resync {
  readonly type: 'resync';
  readonly session: string;
  readonly user: string;
  readonly room: string;
  readonly version: number;
  readonly reason: string;
}

/** What was done to the servers. `strike` begins a fault, `heal` ends it. */
export interface Note {
  readonly type: 'nemesis';
  readonly phase: 'strike' | 'heal' | 'start' | 'end';
  readonly detail: string;
}

/** The store in the end. */
export interface Stored {
  readonly type: 'stored';
  readonly room: string;
  readonly sender: string;
  readonly name: string | null;
  readonly message: Seen;
}

export interface StoredRoom {
  readonly type: 'stored_room';
  readonly room: string;
  readonly seq: number;
  readonly version: number;
}

export interface StoredReceipt {
  readonly type: 'stored_receipt';
  readonly room: string;
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
}

/** The end of somebody's access, at its place in the room's stream; of everybody's where `user` is null. */
export interface StoredRemoval {
  readonly type: 'stored_removal';
  readonly room: string;
  readonly user: string | null;
  readonly version: number;
}

/** An integration event as a consumer of the exchange got it. */
export interface Integration {
  readonly type: 'integration';
  readonly key: string;
  readonly eventId: string;
  readonly room: string | null;
  readonly id: string | null;
  readonly seq: number | null;
  readonly content: string | null;
}

/** The first record: what was run. */
export interface Run {
  readonly type: 'run';
  readonly nemesis: string;
  readonly seed: number;
  readonly nodes: number;
  /** Who is a member of what; everybody else must never hear of it. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  /** Who may enter a room, too, but comes and goes: nothing is expected of what they have in the end. */
  readonly guests: Readonly<Record<string, string>>;
  /** Whether a consumer of the integration events listened from the beginning. */
  readonly integration: boolean;
}

/** A partition's epoch was raised behind its owner's back, and this much later a message of one of its rooms was acked. */
export interface Fence {
  readonly type: 'fence';
  readonly room: string;
  readonly partition: number;
  readonly raised: number;
  /** The epoch under which the message must have been committed: higher, unless the former owner still writes. */
  readonly found: number;
}

export type Entry =
  | Invoke
  | Ok
  | Fail
  | Unknown
  | SessionChange
  | Joined
  | Heard
  | ReceiptHeard
  | Resync
  | Note
  | Stored
  | StoredRoom
  | StoredReceipt
  | StoredRemoval
  | Integration
  | Fence
  | Run;

/** An entry with its time in milliseconds since the beginning of the run (monotonic). */
export type Timed = Entry & { readonly t: number };

export class History {
  /** All entries, in the order in which they happened in this process; they hold a run of minutes. */
  readonly entries: Timed[] = [];
  readonly #from = performance.now();
  readonly #file: WriteStream;
  #operations = 0;
  #listeners: ((entry: Timed) => void)[] = [];

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  get now(): number {
    return Math.round((performance.now() - this.#from) * 10) / 10;
  }

  add(entry: Entry): void {
    const timed: Timed = { t: this.now, ...entry };
    this.entries.push(timed);
    this.#file.write(`${JSON.stringify(timed)}\n`);
    for (const listener of this.#listeners) listener(timed);
  }

  /** A request: its completion carries the number that this returns. */
  invoke(request: Omit<Invoke, 'type' | 'op'>): number {
    const op = (this.#operations += 1);
    this.add({ type: 'invoke', op, ...request });
    return op;
  }

  onEntry(listener: (entry: Timed) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== listener);
    };
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'finish');
  }
}

/** Reads a kept history. */
export function readHistory(path: string): Timed[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Timed);
}
