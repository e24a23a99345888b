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
/** Requests other than sends are answered under ids above this one. */
const requestIds = 1_000_000_000;
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

/** What a request was answered with. */
export type Answer = Readonly<Record<string, unknown>>;

/** A request that was refused. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly answer: Answer;
  constructor(event: string, answer: Answer) {
    super(`${event} refused: ${JSON.stringify(answer).slice(0, 300)}`);
    this.answer = answer;
  }
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Bytes `start`..`end` of `buffer` are the text of an event, `42[…]`; valid only during the call. */
export type OnEvent = (buffer: Buffer, start: number, end: number) => void;

/** The seq of the message in an event; 0 when there is none. */
export function seqOf(buffer: Buffer, start: number, end: number): number {
  return numberAfter(seqField, buffer, start, end);
}

/** The digits that follow the first occurrence of a field's name; 0 when there are none. */
export function numberAfter(field: Buffer, buffer: Buffer, start: number, end: number): number {
  let at = buffer.indexOf(field, start);
  let value = 0;
  if (at >= 0 && at < end) {
    at += field.length;
    for (let byte = buffer[at] ?? 0; byte >= zero && byte <= digit.nine; byte = buffer[(at += 1)] ?? 0)
      value = value * 10 + byte - zero;
  }
  return value;
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
  /** Requests without an answer, by id. */
  readonly #asked = new Map<number, Asked>();
  #lastRequest = requestIds;
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
  /** Called with every `new_message`. */
  onMessage: OnEvent | null = null;
  /** Called with every other event. */
  onOther: OnEvent | null = null;

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
        for (const { reject } of this.#asked.values()) reject(new Error('closed'));
        this.#asked.clear();
        if (!this.#closing) this.broken += 1;
      },
    );
    this.#connection.send(`40${JSON.stringify({ token })}`);
    await ready;
    this.#ready = null;
  }

  /**
   * @param since the version of the room up to which the member knows it
   * @throws Refused
   */
  async join(roomId: string, since?: number): Promise<Answer> {
    const answer = await this.ask('join_room', { roomId, ...(since !== undefined && { since }) });
    if (answer['success'] !== true) throw new Refused('join_room', answer);
    return answer;
  }

  /** Sends an event that is no message. @returns its answer; rejects when the connection closes before it */
  ask(event: string, body: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const id = (this.#lastRequest += 1);
      this.#asked.set(id, { resolve, reject });
      this.#connection?.send(`42${id}${JSON.stringify([event, body])}`);
    });
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
    if (!matches) {
      this.onOther?.(buffer, start, end);
      return;
    }
    this.delivered += 1;
    if (this.#tally.measuring) this.#tally.deliveries += 1;
    if (this.#sampled) this.#check(buffer, start, end);
    this.onMessage?.(buffer, start, end);
  }

  #check(buffer: Buffer, start: number, end: number): void {
    const seq = seqOf(buffer, start, end);
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
    if (id > requestIds) {
      const [answer = {}] = JSON.parse(buffer.toString('utf8', at, end)) as Answer[];
      this.#asked.get(id)?.resolve(answer);
      this.#asked.delete(id);
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
}
