/** The commands of the hop case, and the check that every reply is the one of its command. */
import type { SendCommand } from '../../../src/actors/protocol/commands.js';
import type { Burst, LaneOutcome } from '../../../src/runtime/frames.js';

/** Of the length of a UUID; nobody looks for it here. */
const id = '018f0000-0000-7000-8000-000000000000';
/** With it a command takes about 250 bytes between threads. */
const words = 'the quick brown fox';
/** Each so many'th reply is parsed and compared in full. */
const parseEach = 64;

export class Room {
  readonly key: string;
  readonly #senderId: string;
  /** Commands made, replies and broadcasts seen. */
  #made = 0;
  #answered = 0;
  #heard = 0;
  readonly faults: string[] = [];

  constructor(number: number) {
    this.key = `bench-room-${number}`;
    this.#senderId = `bench-user-${number}`;
  }

  get unanswered(): number {
    return this.#made - this.#answered;
  }

  get unheard(): number {
    return this.#made - this.#heard;
  }

  /** @returns the next command, and its place in the room */
  next(): readonly [command: SendCommand, place: number] {
    this.#made += 1;
    const clientMsgId = `${this.#senderId}-${this.#made}`;
    const command: SendCommand = {
      kind: 'send',
      key: this.key,
      id,
      senderId: this.#senderId,
      senderName: this.#senderId,
      senderDisplayName: null,
      receiverId: null,
      content: `${clientMsgId} ${words}`,
      messageType: 'text',
      clientMsgId,
      replyTo: null,
      metadata: null,
    };
    return [command, this.#made];
  }

  /** The reply to the command of a place: they come in its order, each once. */
  answered(place: number, outcome: LaneOutcome): void {
    this.#answered += 1;
    if (place !== this.#answered) this.#fault(`reply ${this.#answered} belongs to command ${place}`);
    if (!outcome.ok) this.#fault(`command ${place} was refused`);
    else if (place % parseEach === 0 && !this.#isOf(place, outcome.answer.body))
      this.#fault(`reply ${place} differs: ${outcome.answer.body}`);
  }

  /** What the room's sockets would hear: one event per command, in order. */
  heard({ events }: Burst): void {
    for (const { version, packet } of events) {
      this.#heard += 1;
      if (version !== this.#heard) this.#fault(`event ${this.#heard} has version ${version}`);
      if (this.#heard % parseEach === 0 && !packet.startsWith('["new_message",{'))
        this.#fault(`not an event: ${packet}`);
    }
  }

  #isOf(place: number, body: string): boolean {
    const message = JSON.parse(body) as Record<string, unknown>;
    const clientMsgId = `${this.#senderId}-${place}`;
    return (
      message['seq'] === place &&
      message['client_msg_id'] === clientMsgId &&
      message['content'] === `${clientMsgId} ${words}`
    );
  }

  /** The first few say it all. */
  #fault(text: string): void {
    if (this.faults.length < 3) this.faults.push(`${this.key}: ${text}`);
  }
}
