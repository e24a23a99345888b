/** Rows as the queries return them, and the messages they are. */
import type { Message } from '../../../actors/protocol/message.js';

/** A message as `message_json` builds it (sql/migrations/0003_message_json.sql). */
export type MessageTuple = readonly [
  key: string,
  id: string,
  seq: number,
  version: number,
  senderId: string,
  senderName: string,
  senderDisplayName: string | null,
  receiverId: string | null,
  content: string,
  messageType: string,
  clientMsgId: string | null,
  replyTo: string | null,
  metadata: string | null,
  createdAt: number,
  editedAt: number | null,
  deletedAt: number | null,
];

/** Receipts around a range of messages as `room_marks` builds them (sql/migrations/0004_room_marks.sql). */
export type MarksTuple = readonly [
  histogram: readonly (readonly [delivered: number, read: number, users: number])[],
  senders: readonly (readonly [user: string, delivered: number, read: number])[],
];

/** A range of messages of one room with the receipts around them; both null when there are none. */
export interface RangeRow {
  readonly messages: readonly MessageTuple[] | null;
  readonly marks: MarksTuple | null;
}

/** One message whose receipts the server has counted. */
export interface MessageRow {
  /** Which of the things asked for it answers, from 1. */
  readonly place: number;
  readonly message: MessageTuple;
  readonly delivered: number;
  readonly read: number;
}

/** Nobody else has it yet. */
export type Uncounted = Omit<Message, 'deliveredCount' | 'readCount'> & { deliveredCount: number; readCount: number };

export function toMessage(tuple: MessageTuple, deliveredCount: number, readCount: number): Uncounted {
  return {
    key: tuple[0],
    id: tuple[1],
    seq: tuple[2],
    version: tuple[3],
    senderId: tuple[4],
    senderName: tuple[5],
    senderDisplayName: tuple[6],
    receiverId: tuple[7],
    content: tuple[8],
    messageType: tuple[9],
    clientMsgId: tuple[10],
    replyTo: tuple[11],
    metadata: tuple[12],
    createdAt: tuple[13],
    editedAt: tuple[14],
    deletedAt: tuple[15],
    deliveredCount,
    readCount,
  };
}

/** The messages of a range, seq ascending, with their receipt counts. */
export function toMessages({ messages, marks }: RangeRow): Message[] {
  return messages === null
    ? []
    : counted(
        messages.map((tuple) => toMessage(tuple, 0, 0)),
        marks,
      );
}

/** Sets the receipt counts of messages that have none yet, seq ascending: users other than the sender who have reached them. */
export function counted(messages: Uncounted[], marks: MarksTuple | null): Message[] {
  if (marks === null || marks[0].length === 0) return messages;
  const delivered = [...marks[0]].sort((a, b) => b[0] - a[0]);
  const read = [...marks[0]].sort((a, b) => b[1] - a[1]);
  const own = new Map(marks[1].map((mark) => [mark[0], mark]));
  // From the newest to the oldest: every mark is counted once, when the walk comes to it.
  let deliveredUsers = 0;
  let readUsers = 0;
  let d = 0;
  let r = 0;
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i];
    if (message === undefined) continue;
    const { seq, senderId } = message;
    for (let mark = delivered[d]; mark !== undefined && mark[0] >= seq; mark = delivered[++d])
      deliveredUsers += mark[2];
    for (let mark = read[r]; mark !== undefined && mark[1] >= seq; mark = read[++r]) readUsers += mark[2];
    const sender = own.get(senderId);
    const selfDelivered = sender !== undefined && sender[1] >= seq ? 1 : 0;
    const selfRead = sender !== undefined && sender[2] >= seq ? 1 : 0;
    message.deliveredCount = deliveredUsers - selfDelivered;
    message.readCount = readUsers - selfRead;
  }
  return messages;
}
