/**
 * One user with one socket: speaks just enough engine.io and Socket.IO to authenticate, join, send and count. Frames are
 * told apart by their first bytes; only sampled messages are parsed.
 */
import { Connection } from './connection.js';
import type { Tally } from './tally.js';

const path = '/socket.io/?EIO=4&transport=websocket';

const zero = 0x30;
const digit = { two: 0x32, three: 0x33, four: 0x34, nine: 0x39 } as const;
const success = Buffer.from('[{"success":true');
const newMessage = Buffer.from('42["new_message",');
const seqField = Buffer.from('"seq":');
/** Slots for the start times of unanswered sends: a power of two, and the bound of what a sender may have unanswered. */
export const slots = 4096;
/** Of the messages at a sampled socket, each n-th is parsed in full. */
const parseEach = 64;

/** What a member writes into a message, so that every receiver can tell whether it is what was sent. */
export function contentOf(clientMsgId: string, length: number): string {
  return `${clientMsgId} `
    .padEnd(length, 'the quick brown fox jumps over the lazy dog ')
    .slice(0, Math.max(length, clientMsgId.length + 1));
}

export class Member {
  readonly userId: string;
  readonly #tally: Tally;
  readonly #contentLength: number;
  /** Whether this socket checks the seq of every message. */
  readonly #sampled: boolean;
  #connection: Connection | null = null;
  #closing = false;
  #ready: ((error: Error | null) => void) | null = null;
  #joining: ((error: Error | null) => void) | null = null;
  readonly #started = new Float64Array(slots);
  #lastId = 0;
  #lastSeq = 0;

  sent = 0;
  acked = 0;
  refused = 0;
  delivered = 0;
  disorder = 0;
  wrong = 0;
  broken = 0;
  /** Called when a send is answered; `accepted` tells how. */
  onAnswer: ((accepted: boolean) => void) | null = null;

  constructor(userId: string, tally: Tally, contentLength: number, sampled: boolean) {
    this.userId = userId;
    this.#tally = tally;
    this.#contentLength = contentLength;
    this.#sampled = sampled;
  }

  get unanswered(): number {
    return this.sent - this.acked - this.refused;
  }

  /** Resolves once the server has accepted the token. */
  async connect(port: number, token: string): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#ready = (error) => {
        if (error === null) resolve();
        else reject(error);
      };
    });
    // Whoever awaits `ready` below hears of its rejection; this keeps a failure during the upgrade from being a second one.
    ready.catch(() => undefined);
    this.#connection = await Connection.open(
      port,
      path,
      (buffer, start, end) => {
        this.#onText(buffer, start, end);
      },
      () => {
        this.#ready?.(new Error('closed'));
        this.#joining?.(new Error('closed'));
        if (!this.#closing) this.broken += 1;
      },
    );
    this.#connection.send(`40${JSON.stringify({ token })}`);
    await ready;
    this.#ready = null;
  }

  async join(roomId: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#joining = (error) => {
        if (error === null) resolve();
        else reject(error);
      };
      this.#connection?.send(`420["join_room",${JSON.stringify({ roomId })}]`);
    });
    this.#joining = null;
  }

  /** @param start from when on the answer is awaited, for those who should have sent earlier */
  send(roomId: string, start = performance.now()): void {
    const id = (this.#lastId += 1);
    const clientMsgId = `${this.userId}-${id}`;
    this.sent += 1;
    this.#started[id % slots] = start;
    this.#connection?.send(
      `42${id}["send_message",{"room_id":"${roomId}","content":"${contentOf(clientMsgId, this.#contentLength)}","client_msg_id":"${clientMsgId}"}]`,
    );
  }

  close(): void {
    this.#closing = true;
    this.#connection?.close();
  }

  #onText(buffer: Buffer, start: number, end: number): void {
    if (buffer[start] === digit.two) {
      this.#connection?.send('3');
      return;
    }
    // Everything but engine.io's open packet is a message (4…).
    if (buffer[start] !== digit.four) return;
    const type = buffer[start + 1];
    if (type === digit.two) this.#onEvent(buffer, start, end);
    else if (type === digit.three) this.#onAck(buffer, start, end);
    else if (type === zero) this.#ready?.(null);
    else if (type === digit.four) this.#ready?.(new Error(`refused: ${buffer.toString('utf8', start, end)}`));
  }

  #onEvent(buffer: Buffer, start: number, end: number): void {
    const matches =
      buffer.compare(newMessage, 0, newMessage.length, start, Math.min(end, start + newMessage.length)) === 0;
    if (!matches) return;
    this.delivered += 1;
    if (this.#tally.measuring) this.#tally.deliveries += 1;
    if (this.#sampled) this.#check(buffer, start, end);
  }

  #check(buffer: Buffer, start: number, end: number): void {
    let at = buffer.indexOf(seqField, start);
    let seq = 0;
    if (at >= 0 && at < end) {
      at += seqField.length;
      for (let byte = buffer[at] ?? 0; byte >= zero && byte <= digit.nine; byte = buffer[(at += 1)] ?? 0)
        seq = seq * 10 + byte - zero;
    }
    if (seq !== this.#lastSeq + 1) this.disorder += 1;
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    if (this.delivered % parseEach === 0 && !this.#isWhole(buffer.toString('utf8', start + 2, end), seq))
      this.wrong += 1;
  }

  #isWhole(packet: string, seq: number): boolean {
    const [, message] = JSON.parse(packet) as [string, Record<string, unknown>];
    const clientMsgId = message['client_msg_id'];
    return (
      typeof clientMsgId === 'string' &&
      typeof message['sender_id'] === 'string' &&
      clientMsgId.startsWith(`${message['sender_id']}-`) &&
      message['content'] === contentOf(clientMsgId, this.#contentLength) &&
      message['seq'] === seq
    );
  }

  #onAck(buffer: Buffer, start: number, end: number): void {
    let at = start + 2;
    let id = 0;
    for (let byte = buffer[at] ?? 0; byte >= zero && byte <= digit.nine; byte = buffer[(at += 1)] ?? 0)
      id = id * 10 + byte - zero;
    if (id === 0) {
      this.#onJoined(buffer.toString('utf8', at, end));
      return;
    }
    const accepted = buffer.compare(success, 0, success.length, at, Math.min(end, at + success.length)) === 0;
    const slot = id % slots;
    const started = this.#started[slot] ?? 0;
    if (started === 0) {
      this.broken += 1;
      return;
    }
    this.#started[slot] = 0;
    if (accepted) {
      this.acked += 1;
      this.#tally.answered(started);
    } else this.refused += 1;
    this.onAnswer?.(accepted);
  }

  #onJoined(answers: string): void {
    const [answer] = JSON.parse(answers) as [{ readonly success: unknown }];
    this.#joining?.(answer.success === true ? null : new Error(`join refused: ${answers.slice(0, 300)}`));
  }
}
