/** The rows that all writers of the append case store: the same rooms, senders and contents, in frames of equal size. */
import { uuidv7 } from 'uuidv7';
import type { Message } from '../../../src/actors/protocol/message.js';
import { contentOf } from '../../load/member.js';

/** As in the busy case. */
const roomCount = 10;
const contentLength = 120;

export class Rows {
  /** Messages so far, by room. */
  readonly #last = new Map<string, number>();
  #turn = 0;

  /** The next frame: its messages go to the rooms in turn. */
  next(size: number): readonly Message[] {
    const createdAt = Date.now();
    return Array.from({ length: size }, () => {
      const key = `bench-room-${this.#turn}`;
      this.#turn = (this.#turn + 1) % roomCount;
      const seq = (this.#last.get(key) ?? 0) + 1;
      this.#last.set(key, seq);
      return messageOf(key, seq, uuidv7(), createdAt);
    });
  }

  get last(): ReadonlyMap<string, number> {
    return this.#last;
  }
}

/** A message that nobody has received; all but its id and its time follow from its place. */
export function messageOf(key: string, seq: number, id: string, createdAt: number): Message {
  const senderId = `bench-user-${seq % 10}`;
  const clientMsgId = `${senderId}-${seq}`;
  return {
    key,
    id,
    seq,
    version: seq,
    senderId,
    senderName: senderId,
    senderDisplayName: null,
    receiverId: null,
    content: contentOf(clientMsgId, contentLength),
    messageType: 'text',
    clientMsgId,
    replyTo: null,
    metadata: null,
    createdAt,
    editedAt: null,
    deletedAt: null,
    deliveredCount: 0,
    readCount: 0,
  };
}
