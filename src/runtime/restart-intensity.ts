/** The supervision window: more restarts than allowed within it mean that restarting does not help. */
export class RestartIntensity {
  readonly #allowed: number;
  readonly #windowMs: number;
  /** Times of the restarts within the window; never longer than `allowed + 1`. */
  #times: number[] = [];

  constructor(allowed: number, windowMs: number) {
    this.#allowed = allowed;
    this.#windowMs = windowMs;
  }

  /** Notes a restart; false when it is one too many. */
  note(now: number): boolean {
    this.#times = this.#times.filter((time) => now - time < this.#windowMs);
    this.#times.push(now);
    return this.#times.length <= this.#allowed;
  }
}
