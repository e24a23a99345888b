/**
 * Catch-ups of any length, for clients that are too far behind for `join_room`: every message that changed since a version, in
 * lines of JSON, and at the end the version that the client then has, so that it can join with it as `since`.
 *
 *   {"type":"message","data":{…}}  per message, as it is when the line is made; deleted ones are tombstones
 *   {"type":"end","seq":…,"version":…}  or  {"type":"error","code":…,"message":…,"retryable":…}
 *
 * Nothing is read ahead: a client that reads slowly costs a batch of messages and no more. Bounds: so many at once per node and
 * one per user, over it there is a refusal; so long as a whole, and so long without being read, then it ends without an end.
 */
import { encodeMessage } from '../actors/protocol/message.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { reject, rejections, type Rejection } from '../actors/rejections.js';
import type { Config } from '../config.js';
import type { ChangeStream, ReadStore } from '../runtime/store/port.js';
import type { Admission } from './admission.js';
import type { InputLimits } from './input/fields.js';
import { readChanges } from './input/requests.js';
import type { ChangeLines, Identity, RateLimiter, Result } from './port.js';
import type { Reading } from './reading.js';
import { absent, refusal, refuse } from './refusals.js';

export interface ChangesParts {
  readonly config: InputLimits & Pick<Config, 'catchUpStreams' | 'catchUpStreamMs' | 'catchUpIdleMs'>;
  readonly requests: RateLimiter;
  readonly reads: Pick<ReadStore, 'changeStream'>;
  readonly reading: Reading;
  readonly admission: Admission;
}

export class Changes {
  readonly #parts: ChangesParts;
  /** Users with a catch-up under way; at most `catchUpStreams`. */
  readonly #users = new Set<string>();

  constructor(parts: ChangesParts) {
    this.#parts = parts;
  }

  /** Catch-ups under way. */
  get open(): number {
    return this.#users.size;
  }

  async lines(caller: Identity, input: unknown): Promise<Result<ChangeLines>> {
    const { config, requests, admission } = this.#parts;
    const wait = requests.take(caller.userId);
    if (wait > 0) return refuse('RATE_LIMITED', undefined, wait);
    const request = readChanges(input, caller.userId, config);
    if (!request.ok) return request;
    const { key, since } = request.value;
    const verdict = await admission.verdict(caller.userId, key);
    if (verdict !== 'yes') return verdict === 'no' ? refusal(absent.room) : refuse('UNAVAILABLE');
    if (this.#users.has(caller.userId)) return refuse('RATE_LIMITED', 'One catch-up at a time');
    if (this.#users.size >= config.catchUpStreams) return refuse('OVERLOADED');
    this.#users.add(caller.userId);
    const lines = await this.#start(caller, key, since);
    if (!lines.ok) this.#users.delete(caller.userId);
    return lines;
  }

  async #start(caller: Identity, key: RoomKey, since: number): Promise<Result<ChangeLines>> {
    const { reads, reading } = this.#parts;
    const stream = await reading.run(
      'change_stream',
      () => reads.changeStream(key, since),
      (late) => late.close(),
    );
    if (!stream.ok) return stream;
    if (since > stream.value.lastVersion) {
      stream.value.close();
      return refuse('UNPROCESSABLE', 'The room never had this version: begin again without since');
    }
    const lines = new Lines(this.#parts, caller, key, stream.value, () => this.#users.delete(caller.userId));
    return { ok: true, value: lines };
  }
}

class Lines implements ChangeLines {
  readonly #parts: ChangesParts;
  readonly #caller: Identity;
  readonly #key: RoomKey;
  readonly #stream: ChangeStream;
  readonly #onClosed: () => void;
  readonly #until: number;
  #idle: NodeJS.Timeout | null = null;
  #onLapse = (): void => undefined;
  #closed = false;

  constructor(parts: ChangesParts, caller: Identity, key: RoomKey, stream: ChangeStream, onClosed: () => void) {
    this.#parts = parts;
    this.#caller = caller;
    this.#key = key;
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#until = performance.now() + parts.config.catchUpStreamMs;
    this.#await();
  }

  async next(): Promise<string | null> {
    if (this.#closed) return null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    const batch = await this.#parts.reading.run('changes', () => this.#stream.next());
    // Asked for behind the read: what it brought is not told to whoever has lost access meanwhile.
    const ended = batch.ok ? await this.#ended() : batch.rejection;
    if (this.#closed) return null;
    if (ended !== null || !batch.ok || batch.value === null) {
      this.close();
      return ended === null ? this.#end() : failureLine(ended);
    }
    this.#await();
    return batch.value.map((message) => `{"type":"message","data":${encodeMessage(message)}}\n`).join('');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#stream.close();
    this.#onClosed();
  }

  onLapse(listener: () => void): void {
    this.#onLapse = listener;
  }

  /** The next lines are asked for in time, or never. */
  #await(): void {
    this.#idle = setTimeout(() => {
      this.close();
      this.#onLapse();
    }, this.#parts.config.catchUpIdleMs);
  }

  /** Why nothing more may be told. */
  async #ended(): Promise<Rejection | null> {
    const { expiresAt, userId } = this.#caller;
    if (expiresAt !== null && expiresAt <= Date.now()) return reject('TOKEN_EXPIRED');
    if (performance.now() >= this.#until) return reject('UNAVAILABLE', 'The catch-up took too long');
    const verdict = await this.#parts.admission.verdict(userId, this.#key);
    if (verdict === 'yes') return null;
    return verdict === 'no' ? absent.room : reject('UNAVAILABLE');
  }

  #end(): string {
    const { lastSeq, lastVersion } = this.#stream;
    return `{"type":"end","seq":${lastSeq},"version":${lastVersion}}\n`;
  }
}

function failureLine({ code, message }: Rejection): string {
  return `${JSON.stringify({ type: 'error', code, message, retryable: rejections[code].retryable })}\n`;
}
