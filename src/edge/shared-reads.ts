/**
 * Reads of the same thing share one query, so that a page which everybody asks for at once costs the store two queries and
 * not thousands.
 *
 * Invariant: whoever asks gets the result of a read that began after the asking. A read under way may be older than a write
 * that the caller knows to be acknowledged, so nobody joins it: all who come meanwhile share one more that begins when it ends.
 *
 *   first caller ──▶ read under way ──ends──▶ the next one, if anybody waits ──▶ …
 *   later callers ──▶ wait for the next one, together
 *
 * Bounds: over `things` read at once further ones are read alone; over `callers` waiting the caller is refused.
 */

interface Turn<T> {
  readonly result: Promise<T>;
  /** Reads and settles the result; called once, resolves afterwards, never rejects. */
  readonly begin: () => Promise<void>;
}

/** What is being read, and who reads it next. */
interface Line<T> {
  next: Turn<T> | null;
}

export interface SharedReadsOptions {
  /** Different things being read at once. */
  readonly things: number;
  /** Callers waiting for all of them. */
  readonly callers: number;
}

export class SharedReads<T> {
  readonly #options: SharedReadsOptions;
  readonly #lines = new Map<string, Line<T>>();
  #callers = 0;
  /** Callers that were answered by somebody else's read. */
  shared = 0;

  constructor(options: SharedReadsOptions) {
    this.#options = options;
  }

  /**
   * @param name says what is read: equal names are equal reads
   * @returns null when too many wait already
   */
  async read(name: string, read: () => Promise<T>): Promise<T | null> {
    const { things, callers } = this.#options;
    if (this.#callers >= callers) return null;
    this.#callers += 1;
    try {
      const line = this.#lines.get(name);
      if (line !== undefined) return await this.#join(line, read);
      if (this.#lines.size >= things) return await read();
      const turn = turnOf(read);
      void this.#serve(name, turn);
      return await turn.result;
    } finally {
      this.#callers -= 1;
    }
  }

  #join(line: Line<T>, read: () => Promise<T>): Promise<T> {
    if (line.next === null) line.next = turnOf(read);
    else this.shared += 1;
    return line.next.result;
  }

  async #serve(name: string, first: Turn<T>): Promise<void> {
    const line: Line<T> = { next: null };
    this.#lines.set(name, line);
    for (let turn: Turn<T> | null = first; turn !== null; turn = line.next) {
      line.next = null;
      await turn.begin();
    }
    this.#lines.delete(name);
  }
}

function turnOf<T>(read: () => Promise<T>): Turn<T> {
  let settle: (result: Promise<T>) => void = () => undefined;
  const result = new Promise<T>((resolve) => (settle = resolve));
  const begin = async (): Promise<void> => {
    const reading = read();
    settle(reading);
    await reading.catch(() => undefined);
  };
  return { result, begin };
}
