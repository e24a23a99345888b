/**
 * One nick of a log as a real chat client: it joins, says its lines one after the other (each acked before the next),
 * and leaves. When its connection breaks it connects again, catches up by `since`, and repeats the line that had no
 * answer under the same `client_msg_id`. Everything it hears is judged at once.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { StreamJudge, type Violation } from '../harness/laws.js';
import { tokenFor } from '../harness/token.js';
import type { Ack, RoomJoined, WireMessage } from '../harness/wire.js';
import type { Ledger } from './ledger.js';

export interface Venue {
  readonly url: string;
  readonly room: string;
  readonly secret: string;
}

/** An answer that takes longer counts as none. */
const answerMs = 30_000;
/** Attempts to connect or to repeat a line before the replay gives up; with the pauses about a minute. */
const attempts = 60;
const longestPauseMs = 1000;

export class Speaker {
  readonly nick: string;
  readonly #venue: Venue;
  readonly #ledger: Ledger;
  #socket: Socket | null = null;
  #joined = false;
  /** The version up to which this client knows everything; null before its first stay. */
  #version: number | null = null;
  #seq = 0;
  #waiting: { readonly seq: number; readonly resolve: () => void } | null = null;
  #suspicion: Violation[] = [];
  readonly #judge = new StreamJudge();

  constructor(nick: string, venue: Venue, ledger: Ledger) {
    this.nick = nick;
    this.#venue = venue;
    this.#ledger = ledger;
  }

  get inRoom(): boolean {
    return this.#joined;
  }

  /** The last seq it heard in this stay. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * Connects where needed and joins; already in the room it does nothing.
   * @throws Error when the service cannot be reached or refuses
   */
  async join(): Promise<void> {
    for (let attempt = 1; !this.#joined; attempt += 1) {
      try {
        const socket = await this.#connect();
        const since = this.#version;
        const data = { roomId: this.#venue.room, ...(since === null ? {} : { since }) };
        const ack = (await socket.timeout(answerMs).emitWithAck('join_room', data)) as Ack;
        if (!ack.success && ack.retryable !== true) throw new Refused(`${this.nick} may not join: ${ack.code ?? ''}`);
      } catch (error) {
        if (error instanceof Refused || attempt >= attempts) throw error;
        await pause(Math.min(longestPauseMs, attempt * 50));
      }
    }
  }

  /** Says one line; resolves when it is acked, or refused for good (which the ledger counts). */
  async say(content: string, clientMsgId: string, type: string): Promise<void> {
    const begun = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      await this.join();
      const ack = await this.#ask({
        room_id: this.#venue.room,
        content,
        client_msg_id: clientMsgId,
        message_type: type,
      });
      if (ack?.message !== undefined) {
        const { id, seq } = ack.message;
        this.#ledger.ack({ clientMsgId, nick: this.nick, content, id, seq }, performance.now() - begun);
        return;
      }
      if (ack !== null && ack.retryable !== true) {
        const code = ack.code ?? 'unknown';
        this.#ledger.refused.set(code, (this.#ledger.refused.get(code) ?? 0) + 1);
        return;
      }
      if (attempt >= attempts) throw new Error(`${this.nick} gets no answer`);
      if (ack !== null) {
        this.#ledger.retries += 1;
        await pause(Math.min(longestPauseMs, attempt * 50));
      }
    }
  }

  /** Leaves the room and disconnects; what comes later it does not hear. */
  async leave(): Promise<void> {
    const socket = this.#socket;
    if (socket === null) return;
    if (this.#joined && socket.connected) {
      try {
        await socket.timeout(answerMs).emitWithAck('leave_room', { roomId: this.#venue.room });
      } catch {
        // The connection broke: that is a leave, too.
      }
    }
    this.#gone();
    socket.disconnect();
  }

  /** Breaks the connection without a word, as a network does; the next `join` catches up. */
  drop(): void {
    const socket = this.#socket;
    this.#gone();
    socket?.disconnect();
  }

  /** Forgets what came after `version`, so that the next `join` must bring it again. */
  rewind(version: number): void {
    this.#version = version;
  }

  /** Resolves true when it has heard everything up to a seq, false when that does not come in time. */
  async heardUpTo(seq: number, ms: number): Promise<boolean> {
    this.#convict();
    if (this.#seq >= seq) return true;
    const signal = AbortSignal.timeout(ms);
    return new Promise((resolve) => {
      this.#waiting = {
        seq,
        resolve: () => {
          resolve(true);
        },
      };
      signal.addEventListener(
        'abort',
        () => {
          resolve(false);
        },
        { once: true },
      );
    });
  }

  async #ask(message: Readonly<Record<string, unknown>>): Promise<Ack | null> {
    try {
      return (await this.#socket?.timeout(answerMs).emitWithAck('send_message', message)) as Ack;
    } catch {
      // No answer: the outcome is unknown, and the same client_msg_id finds it out.
      return null;
    }
  }

  async #connect(): Promise<Socket> {
    if (this.#socket?.connected === true) return this.#socket;
    const token = tokenFor(this.nick, { secret: this.#venue.secret });
    const socket = io(this.#venue.url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      auth: { token },
    });
    this.#socket?.disconnect();
    this.#socket = socket;
    socket.onAny((event: string, data: unknown) => {
      this.#hear(event, data);
    });
    socket.on('disconnect', () => {
      if (this.#socket !== socket || !this.#joined) return;
      this.#ledger.reconnects += 1;
      this.#gone();
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
      // The connection may end between the transport's opening and the namespace's.
      socket.once('disconnect', (reason) => {
        reject(new Error(reason));
      });
    });
    return socket;
  }

  #gone(): void {
    this.#convict();
    this.#joined = false;
    this.#socket = null;
  }

  #hear(event: string, data: unknown): void {
    if (event === 'resync_required') this.#declined();
    else this.#convict();
    this.#judge.hear({ event, data });
    for (const violation of this.#judge.violations.splice(0)) this.#ledger.fault(violation);
    if (event === 'room_joined') this.#arrive(data as RoomJoined);
    if (event !== 'new_message') return;
    const message = data as WireMessage;
    this.#ledger.deliveries += 1;
    this.#ledger.saw(this.#venue.room, message);
    this.#version = message.version;
    this.#reach(message.seq);
  }

  #arrive(joined: RoomJoined): void {
    for (const message of joined.messages) this.#ledger.saw(this.#venue.room, message);
    if (this.#version !== null) {
      this.#ledger.catchUps += 1;
      this.#suspicion = checkCatchUp(this.#venue.room, this.#version, joined);
    }
    this.#joined = true;
    this.#version = joined.version;
    this.#reach(joined.seq);
  }

  /** The service said itself that it could not serve the catch-up: then what it brought is no fault. */
  #declined(): void {
    this.#ledger.resyncs += 1;
    if (this.#suspicion.length > 0) this.#ledger.catchUps -= 1;
    this.#suspicion = [];
  }

  /** A catch-up that was not whole, and no `resync_required` came with it: a silent hole. */
  #convict(): void {
    for (const violation of this.#suspicion) this.#ledger.fault(violation);
    this.#suspicion = [];
  }

  #reach(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
    if (this.#waiting === null || this.#seq < this.#waiting.seq) return;
    this.#waiting.resolve();
    this.#waiting = null;
  }
}

/** A replayed room has no edits, so a catch-up is exactly the versions after the one that the client had. */
export function checkCatchUp(room: string, since: number, joined: RoomJoined): Violation[] {
  const violations: Violation[] = [];
  joined.messages.forEach(({ version }, at) => {
    const expected = since + 1 + at;
    if (version === expected) return;
    const detail = `catch-up since ${since}: version ${version} in the place of ${expected}`;
    violations.push({ room, fault: version > expected ? 'lost' : 'doubled', detail });
  });
  const missing = joined.version - since - joined.messages.length;
  if (missing > 0)
    violations.push({ room, fault: 'lost', detail: `catch-up since ${since} to ${joined.version} lacks ${missing}` });
  return violations;
}

/** A refusal that repeating cannot change. */
class Refused extends Error {}
