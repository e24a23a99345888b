/**
 * A client as the documentation asks for: it sends with ids of its own, and when its connection ends it goes to the next
 * node, joins with the version it has, and sends again what was not answered.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient, type Heard } from '../../harness/client.js';
import type { Ack, RoomJoined } from '../../harness/wire.js';

/** How long an answer is waited for on a connection that lasts; the next try says the same again. */
const patienceMs = 8_000;

export class Traveller {
  readonly userId: string;
  readonly acked: { readonly id: string; readonly seq: number; readonly content: string }[] = [];
  /** Refusals, as `code`. */
  readonly refused: string[] = [];
  /** Everything heard over all connections, each beginning with its `room_joined`. */
  readonly lives: (readonly Heard[])[] = [];
  /** Longest time between two acks, ms. */
  longestSilence = 0;
  #urls: () => readonly string[];
  readonly #room: string;
  #turn: number;
  #client: ChatClient | null = null;
  #running = true;
  #lastAck = Date.now();
  #version: number | null = null;

  constructor(userId: string, room: string, turn: number, urls: () => readonly string[]) {
    this.userId = userId;
    this.#room = room;
    this.#turn = turn;
    this.#urls = urls;
  }

  stop(): void {
    this.#running = false;
  }

  close(): void {
    this.#client?.close();
  }

  /** Sends one message after the other until it is stopped. */
  async travel(): Promise<void> {
    for (let i = 0; this.#running; i++) await this.#sendUntilAcked(`${this.userId}-${i}`);
  }

  async #sendUntilAcked(content: string): Promise<void> {
    const clientMsgId = randomUUID();
    for (;;) {
      const client = await this.#connected();
      const sending = client.socket
        .timeout(patienceMs)
        .emitWithAck('send_message', { room_id: this.#room, content, client_msg_id: clientMsgId }) as Promise<Ack>;
      const gone = new Promise<null>((resolve) => client.socket.once('disconnect', () => resolve(null)));
      const ack = await Promise.race([sending.catch(() => null), gone]);
      if (ack?.message !== undefined) {
        const now = Date.now();
        this.longestSilence = Math.max(this.longestSilence, now - this.#lastAck);
        this.#lastAck = now;
        this.acked.push({ id: ack.message.id, seq: ack.message.seq, content });
        return;
      }
      if (ack !== null) this.refused.push(ack.code ?? 'unknown');
      if (ack !== null) await pause(20);
    }
  }

  async #connected(): Promise<ChatClient> {
    while (this.#client?.socket.connected !== true) {
      const urls = this.#urls();
      const url = urls[this.#turn++ % urls.length] ?? '';
      try {
        const client = await ChatClient.connect(url, this.userId);
        this.lives.push(client.heard);
        const since = this.#version;
        client.tell('join_room', since === null ? { roomId: this.#room } : { roomId: this.#room, since });
        const joined = client.wait('room_joined');
        const gone = new Promise<null>((resolve) => client.socket.once('disconnect', () => resolve(null)));
        const heard = await Promise.race([joined, gone]);
        if (heard === null) continue;
        this.#version = (heard.data as RoomJoined).version;
        this.#client = client;
      } catch {
        // That node is gone or closing; the next one is tried.
        await pause(20);
      }
    }
    return this.#client;
  }
}
