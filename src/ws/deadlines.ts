/**
 * When connections must end: those that are nobody in time, and those whose token expires. There is one timer for all, set for
 * the earliest. A timer each would be several hundred bytes of every socket's memory (Node keeps a list per duration, and
 * hardly two of them are the same); looking at every session instead costs a microsecond each at most, when one is due.
 */

/** Passes over all sessions keep this distance (ms), however many are due: so a deadline may be met that much late. */
const passesApartMs = 250;
/** The longest delay a timer takes; what is due later is looked at again then. */
const longestTimerMs = 2 ** 31 - 1;

export class Deadlines<Session> {
  readonly #sessions: () => Iterable<Session>;
  readonly #left: (session: Session) => number;
  readonly #end: (session: Session) => void;
  #timer: NodeJS.Timeout | null = null;
  /** When it fires; Infinity without one. Milliseconds, monotonic, as the next. */
  #at = Infinity;
  #passed = -Infinity;

  /**
   * @param sessions all that are connected
   * @param left milliseconds that a session has; Infinity for no end
   * @param end called when none are left; the session must be out of `sessions` then
   */
  constructor(sessions: () => Iterable<Session>, left: (session: Session) => number, end: (session: Session) => void) {
    this.#sessions = sessions;
    this.#left = left;
    this.#end = end;
  }

  /** A session is new, or its deadline is. */
  watch(session: Session): void {
    this.#wake(this.#left(session));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#at = Infinity;
  }

  #wake(left: number): void {
    const now = performance.now();
    const at = Math.max(now + left, this.#passed + passesApartMs);
    if (at >= this.#at) return;
    this.stop();
    this.#at = at;
    // Rounded up, and one more: a timer that fires a little early would find nothing due.
    const delay = Math.min(Math.ceil(at - now) + 1, longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#pass();
    }, delay);
  }

  #pass(): void {
    this.stop();
    let soonest = Infinity;
    for (const session of this.#sessions()) {
      const left = this.#left(session);
      if (left <= 0) this.#end(session);
      else if (left < soonest) soonest = left;
    }
    this.#passed = performance.now();
    this.#wake(soonest);
  }
}
