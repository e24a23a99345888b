/**
 * Chat under way while something breaks: clients that send without pause, each with a `client_msg_id` of its own, and a
 * record of what was acked, refused, or cut off without an answer. Afterwards `settle` repeats what had no answer, as a
 * good client does, and `judge` holds everything against the laws.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, type ClientOptions } from './client.js';
import { within } from './eventually.js';
import { checkHistory, checkPromises, checkStream, type Promised, type Violation } from './laws.js';
import { RestClient } from './rest.js';
import type { Ack } from './wire.js';

interface Sent {
  readonly room: string;
  readonly userId: string;
  readonly content: string;
  readonly client_msg_id: string;
}

export interface TrafficOptions {
  readonly rooms: readonly string[];
  readonly members: number;
  readonly inFlight: number;
  /** Websocket alone unless said. */
  readonly transports?: ClientOptions['transports'];
}

/** Wait of a client before it repeats what was refused as retryable. */
const backoffMs = 25;

export class Traffic {
  readonly clients: ChatClient[] = [];
  readonly acked: (Sent & Promised)[] = [];
  /** Sent, but the connection ended before an answer came. */
  unanswered: Sent[] = [];
  /** Refusals by code; retryable ones were repeated until they were acked. */
  readonly refused = new Map<string, number>();
  readonly #options: TrafficOptions;
  #running = true;
  #loops: Promise<void>[] = [];
  #count = 0;
  #waiters: { readonly acked: number; readonly resolve: () => void }[] = [];

  private constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Connects, joins, and begins to send. */
  static async start(url: string, options: TrafficOptions): Promise<Traffic> {
    const traffic = new Traffic(options);
    for (const room of options.rooms)
      for (let member = 0; member < options.members; member += 1) {
        const client = await ChatClient.connect(url, `${room}-user${member}`, {
          ...(options.transports === undefined ? {} : { transports: options.transports }),
        });
        await client.join(room);
        traffic.clients.push(client);
        for (let lane = 0; lane < options.inFlight; lane += 1) traffic.#loops.push(traffic.#sendOn(client, room));
      }
    return traffic;
  }

  /** Resolves when so many messages are acked in all. */
  reached(acked: number): Promise<void> {
    if (this.acked.length >= acked) return Promise.resolve();
    const reached = new Promise<void>((resolve) => {
      this.#waiters.push({ acked, resolve });
    });
    return within(reached, `${acked} acked messages`);
  }

  /** Sends nothing new and waits for the answers under way. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  /** Repeats what had no answer, with the same `client_msg_id`, until it is acked. */
  async settle(url: string): Promise<void> {
    const open = this.unanswered;
    this.unanswered = [];
    const clients = new Map<string, ChatClient>();
    for (const sent of open) {
      const client = clients.get(sent.userId) ?? (await ChatClient.connect(url, sent.userId));
      clients.set(sent.userId, client);
      this.#running = true;
      await this.#deliver(client, sent);
    }
    this.#running = false;
    for (const client of clients.values()) client.close();
  }

  /** Every way in which the laws 1 to 4 do not hold. Call it when nothing is under way. */
  async judge(url: string): Promise<Violation[]> {
    const violations = this.clients.flatMap((client) => checkStream(client.heard));
    for (const room of this.#options.rooms) {
      const { messages, total } = await new RestClient(url, 'judge').history(room);
      violations.push(...checkHistory(room, messages, total));
      const promised = this.acked.filter((sent) => sent.room === room);
      violations.push(...checkPromises(room, promised, messages));
      const names = new Set(messages.map((message) => `${message.sender_id} ${message.client_msg_id ?? ''}`));
      if (names.size !== messages.length)
        violations.push({ room, fault: 'doubled', detail: 'one client_msg_id, two messages' });
      const stored = new Map(messages.map((message) => [message.id, message]));
      for (const client of this.clients)
        for (const heard of client.all('new_message') as Promised[]) {
          const known = stored.get(heard.id);
          if (known === undefined && heard.id !== '' && this.#isOf(room, heard))
            violations.push({ room, fault: 'lost', detail: `broadcast ${heard.id} is not stored` });
        }
    }
    return violations;
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  #isOf(room: string, heard: unknown): boolean {
    return (heard as { room_id: string | null }).room_id === room;
  }

  async #sendOn(client: ChatClient, room: string): Promise<void> {
    while (this.#running && client.socket.connected) {
      this.#count += 1;
      const name = `${this.#count}-${client.userId}`;
      await this.#deliver(client, { room, userId: client.userId, content: `message ${name}`, client_msg_id: name });
    }
  }

  /** Sends one message until it is acked or the connection is gone. */
  async #deliver(client: ChatClient, sent: Sent): Promise<void> {
    for (;;) {
      let ack: Ack;
      try {
        const { content, client_msg_id } = sent;
        ack = await client.ask('send_message', { room_id: sent.room, content, client_msg_id });
      } catch {
        this.unanswered.push(sent);
        return;
      }
      if (ack.message !== undefined) {
        this.#ack({ ...sent, id: ack.message.id, seq: ack.message.seq });
        return;
      }
      this.refused.set(ack.code ?? '', (this.refused.get(ack.code ?? '') ?? 0) + 1);
      if (ack.retryable !== true || !this.#running) {
        this.unanswered.push(sent);
        return;
      }
      await pause(backoffMs);
    }
  }

  #ack(sent: Sent & Promised): void {
    this.acked.push(sent);
    const due = this.#waiters.filter((waiter) => this.acked.length >= waiter.acked);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.resolve();
  }
}
