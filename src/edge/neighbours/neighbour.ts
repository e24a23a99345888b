/**
 * One of the other Dinguscord services, over HTTP: never waited for longer than the time-out, never asked more than
 * `concurrency` things at once, left alone for a moment while it fails. Caches lie above (`answers.ts`).
 */
import type { Log } from '../../observe/log.js';
import { describe, FailureLog } from '../failures.js';

export interface NeighbourOptions {
  /** For log lines. */
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Requests at once. Defaults to 32. */
  readonly concurrency?: number;
  /** Requests that wait for their turn; over it they fail at once. Defaults to 1,000. */
  readonly waiting?: number;
  /** Largest answer. Defaults to 1 MB. */
  readonly maxBytes?: number;
  /** How long it is left alone after `failuresToOpen` failures in a row, in ms. Defaults to 1,000. */
  readonly pauseMs?: number;
  readonly now?: () => number;
}

/** Failures in a row after which the neighbour is left alone for a moment. */
const failuresToOpen = 5;

export class NeighbourError extends Error {
  override readonly name: string = 'NeighbourError';
}

/** About one thing that was asked for; the neighbour itself does not fail. */
class TooLarge extends NeighbourError {
  override readonly name = 'TooLarge';
}

export class Neighbour {
  readonly #options: Required<NeighbourOptions>;
  readonly #base: string;
  readonly #turns: (() => void)[] = [];
  readonly #tooLargeLog: FailureLog;
  #running = 0;
  #failures = 0;
  #closedUntil = 0;

  constructor(options: NeighbourOptions) {
    this.#options = {
      concurrency: 32,
      waiting: 1_000,
      maxBytes: 1_048_576,
      pauseMs: 1_000,
      now: () => performance.now(),
      ...options,
    };
    this.#tooLargeLog = new FailureLog(options.log);
    this.#base = options.url.replace(/\/+$/, '');
  }

  /**
   * Reads `GET {url}{path}`.
   * @param read makes the value of the JSON body, or undefined when the body has not the shape that was agreed
   * @returns null for 404
   * @throws NeighbourError for everything else: time-out, refused connection, redirect, status, size, shape
   */
  async lookup<T>(path: string, read: (body: unknown) => T | undefined): Promise<T | null> {
    return this.#attempt(path, async (signal) => {
      const response = await this.#fetch(path, { signal, headers: { accept: 'application/json' } });
      if (response.status === 404) {
        await response.body?.cancel();
        return null;
      }
      if (response.status !== 200) return this.#unexpected(response);
      const value = read(parse(await this.#text(response)));
      if (value === undefined) throw new NeighbourError('an answer of an unexpected shape');
      return value;
    });
  }

  /**
   * Tells it something.
   * @returns the status; 5xx and 429 count as failures
   * @throws NeighbourError as `lookup` does
   */
  async post(path: string, body: object): Promise<number> {
    return this.#attempt(path, async (signal) => {
      const response = await this.#fetch(path, {
        method: 'POST',
        signal,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (response.status >= 500 || response.status === 429) return this.#unexpected(response);
      await response.body?.cancel();
      return response.status;
    });
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(this.#base + path, { redirect: 'error', ...init });
  }

  async #unexpected(response: Response): Promise<never> {
    await response.body?.cancel();
    throw new NeighbourError(`status ${response.status}`);
  }

  /** The deadline counts from here, the wait for a turn included, so the wait is bounded by it as well. */
  async #attempt<T>(path: string, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#options.now() < this.#closedUntil) throw new NeighbourError('left alone after failures');
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    await this.#turn();
    try {
      signal.throwIfAborted();
      const value = await request(signal);
      this.#succeeded();
      return value;
    } catch (error) {
      if (error instanceof TooLarge) this.#tooLarge(path);
      else this.#failed(error);
      throw error instanceof NeighbourError ? error : new NeighbourError('no answer', { cause: error });
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#options.concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#turns.length >= this.#options.waiting) throw new NeighbourError('too many requests are waiting');
    // Whoever ends hands its place over, so `running` stays as it is.
    await new Promise<void>((resolve) => {
      this.#turns.push(resolve);
    });
  }

  async #text(response: Response): Promise<string> {
    const { maxBytes } = this.#options;
    if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
      await response.body?.cancel();
      throw new TooLarge(`an answer above ${maxBytes} bytes`);
    }
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let text = '';
    let bytes = 0;
    if (response.body === null) return text;
    // Leaving the loop by a throw cancels the stream and with it the request.
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new TooLarge(`an answer above ${maxBytes} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  }

  #succeeded(): void {
    if (this.#failures > 0) this.#options.log.info({ neighbour: this.#options.name }, 'neighbour answers again');
    this.#failures = 0;
    this.#closedUntil = 0;
  }

  /** What is asked for again and again is told of now and then. */
  #tooLarge(path: string): void {
    const { name, maxBytes } = this.#options;
    this.#tooLargeLog.warn('answer_too_large', { neighbour: name, path, maxBytes }, 'answer of a neighbour too large');
  }

  /** One line per outage: further failures are counted, not told. */
  #failed(error: unknown): void {
    this.#failures += 1;
    if (this.#failures === 1) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      this.#options.log.warn({ neighbour: this.#options.name, ...describe(cause) }, 'neighbour fails');
    }
    if (this.#failures >= failuresToOpen) this.#closedUntil = this.#options.now() + this.#options.pauseMs;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NeighbourError('an answer that is not JSON');
  }
}

/**
 * One segment of a path; null for ids that cannot be one: URLs resolve `.` and `..` however they are written, so the
 * request would go somewhere else.
 */
export function segment(id: string): string | null {
  return id === '.' || id === '..' ? null : encodeURIComponent(id);
}
