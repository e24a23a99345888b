/**
 * A bounded memory for hot paths: two maps, the younger filling up. When it is full it becomes the older one, and the
 * former older one is dropped whole. Nothing is ever removed singly, which makes a write several times cheaper than in an
 * LRU cache whose keys are almost all new.
 *
 * Holds at most twice `capacity` keys, and always the `capacity` keys written last.
 */
export class Generations<V> {
  readonly #capacity: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** @param capacity keys per generation */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#capacity && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
