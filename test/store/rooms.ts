/** Builds messages and frames for the tests of the store: rooms that count seq and version as an actor does. */
import { setTimeout } from 'node:timers/promises';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import type { Message } from '../../src/actors/protocol/message.js';
import type { Append, Fence, Writer } from '../../src/runtime/store/port.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { createWriter } from '../../src/runtime/store/postgres/writer.js';

export const silent = pino({ level: 'silent' });

export const partitions = 64;

export function writerOn(connection: ConnectionSettings, name: string, deadlineMs = 20_000): Writer {
  return createWriter({ connection, name, deadlineMs, node: `node-${name}`, partitions, log: silent });
}

export const never = new AbortController().signal;

/** Connects, and takes the partitions as soon as nobody else holds any of them. */
export async function acquire(writer: Writer, partitions: readonly number[]): Promise<readonly Fence[]> {
  await writer.connect(never);
  for (;;) {
    const fences = await writer.claim(partitions, true);
    if (fences.length > 0) return fences;
    // Who holds them gives no signal when they are free: the old session may be gone only a little later.
    await setTimeout(20);
  }
}

export function message(key: string, seq: number, over: Partial<Message> = {}): Message {
  return {
    key,
    id: uuidv7(),
    seq,
    version: seq,
    senderId: 'alice',
    senderName: 'Alice',
    senderDisplayName: null,
    receiverId: null,
    content: `message ${seq}`,
    messageType: 'text',
    clientMsgId: null,
    replyTo: null,
    metadata: null,
    createdAt: 1_790_000_000_000 + seq,
    editedAt: null,
    deletedAt: null,
    deliveredCount: 0,
    readCount: 0,
    ...over,
  };
}

type Receipts = Append['receipts'];

/** One room that one writer fills. */
export class TestRoom {
  readonly key: string;
  readonly partition: number;
  /** As the store should have it, seq ascending. */
  readonly messages: Message[] = [];
  version = 0;

  constructor(key: string, partition = 0) {
    this.key = key;
    this.partition = partition;
  }

  get lastSeq(): number {
    return this.messages.length;
  }

  /** A frame that creates one message per entry, and changes the named ones; the model follows. */
  frame(
    fences: readonly Fence[],
    created: readonly Partial<Message>[],
    changes: readonly (Partial<Message> & { seq: number })[] = [],
    receipts: Receipts = [],
  ): Append {
    const from = { seq: this.lastSeq, version: this.version };
    const made = created.map((over) => {
      this.version += 1;
      const one = message(this.key, this.lastSeq + 1, { version: this.version, ...over });
      this.messages.push(one);
      return one;
    });
    const changed = changes.map((change) => {
      this.version += 1;
      const old = this.messages[change.seq - 1];
      if (old === undefined) throw new Error(`no message ${change.seq}`);
      const fresh = { ...old, ...change, version: this.version };
      this.messages[change.seq - 1] = fresh;
      return fresh;
    });
    const step = {
      key: this.key,
      partition: this.partition,
      fromSeq: from.seq,
      fromVersion: from.version,
      toSeq: this.lastSeq,
      toVersion: this.version,
    };
    const rooms = created.length + changes.length > 0 ? [step] : [];
    return { fences, rooms, created: made, changed, receipts };
  }
}

/** Frames put together: several rooms in one transaction. */
export function together(...frames: readonly Append[]): Append {
  return {
    fences: frames[0]?.fences ?? [],
    rooms: frames.flatMap(({ rooms }) => rooms),
    created: frames.flatMap(({ created }) => created),
    changed: frames.flatMap(({ changed }) => changed),
    receipts: frames.flatMap(({ receipts }) => receipts),
  };
}

/** A tombstone's part of a message. */
export function erased(at: number): Partial<Message> {
  return { content: '', metadata: null, deletedAt: at };
}
