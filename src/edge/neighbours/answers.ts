/**
 * Remembered answers of a neighbour: one request per key at a time, fresh for a while, and the old answer still there
 * while the neighbour fails. How fresh an answer must be is the caller's decision.
 */
import { LRUCache } from 'lru-cache';

export interface Answer<T> {
  readonly value: T;
  /** When it was asked for (ms of the cache's clock). */
  readonly at: number;
  /** Until then the neighbour is not asked again for this key, since it has just failed. */
  retryAt: number;
}

export interface AnswerOptions<T> {
  /** Most keys; over it the least recently used are asked for again. */
  readonly size: number;
  /** How long an old answer serves while the neighbour fails, in ms. */
  readonly staleMs: number;
  /** Asks the neighbour; a rejection is a failure. */
  readonly ask: (key: string) => Promise<T>;
  /** What one answer weighs, and how much all of them may. Without it only their number is bounded. */
  readonly weight?: { readonly of: (value: T) => number; readonly max: number };
  readonly now: () => number;
  /** Told of every answer that the neighbour gave, once it is remembered. */
  readonly onAnswer?: (key: string, value: T) => void;
}

/** After a failure the old answer serves this long before the neighbour is asked again, in ms. */
const retryMs = 1_000;

interface Attempt<T> {
  readonly answer: Promise<Answer<T> | null>;
  /** False once the key was forgotten: what comes back may have been true before the reason to forget, not after. */
  readonly state: { wanted: boolean };
}

export class Answers<T> {
  readonly #options: AnswerOptions<T>;
  readonly #cache: LRUCache<string, Answer<T>>;
  /** Bounded by the neighbour: it refuses more than it works on and keeps waiting. */
  readonly #attempts = new Map<string, Attempt<T>>();

  constructor(options: AnswerOptions<T>) {
    this.#options = options;
    const { weight } = options;
    this.#cache = new LRUCache({
      max: options.size,
      ...(weight && { maxSize: weight.max, sizeCalculation: (answer) => Math.max(1, weight.of(answer.value)) }),
    });
  }

  get(key: string): Answer<T> | undefined {
    return this.#cache.get(key);
  }

  /** Whether an old answer may serve now without asking: the neighbour failed a moment ago. */
  serves(answer: Answer<T>): boolean {
    const now = this.#options.now();
    return answer.retryAt > now && now - answer.at < this.#options.staleMs;
  }

  /** A new answer, or the old one while the neighbour fails, or null. Never rejects. */
  ask(key: string): Promise<Answer<T> | null> {
    const running = this.#attempts.get(key);
    if (running !== undefined) return running.answer;
    const state = { wanted: true };
    const answer = this.#attempt(key, state);
    this.#attempts.set(key, { answer, state });
    return answer;
  }

  forgetAll(): void {
    this.#cache.clear();
    for (const { state } of this.#attempts.values()) state.wanted = false;
    this.#attempts.clear();
  }

  forget(key: string): void {
    this.#cache.delete(key);
    const running = this.#attempts.get(key);
    if (running === undefined) return;
    running.state.wanted = false;
    this.#attempts.delete(key);
  }

  async #attempt(key: string, state: { readonly wanted: boolean }): Promise<Answer<T> | null> {
    const { ask, now, staleMs } = this.#options;
    const at = now();
    let answer: Answer<T> | null;
    try {
      answer = { value: await ask(key), at, retryAt: 0 };
    } catch {
      const old = this.#cache.get(key);
      answer = old !== undefined && now() - old.at < staleMs ? old : null;
      if (answer !== null) answer.retryAt = now() + retryMs;
    }
    if (!state.wanted) return this.ask(key);
    this.#attempts.delete(key);
    if (answer !== null) this.#cache.set(key, answer);
    if (answer?.at === at) this.#options.onAnswer?.(key, answer.value);
    return answer;
  }
}
