/** How far something long is: a bar that redraws itself on a terminal, a plain line for every tenth elsewhere. */
const width = 30;
const redrawMs = 100;

export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #screen: Screen;
  readonly #label: string;
  readonly #total: number;
  #drawn = 0;
  #tenth = 0;

  constructor(screen: Screen, label: string, total: number) {
    this.#screen = screen;
    this.#label = label;
    this.#total = total;
  }

  at(done: number): void {
    const share = this.#total === 0 ? 1 : done / this.#total;
    if (this.#screen.isTTY === true) {
      const now = Date.now();
      if (now - this.#drawn < redrawMs && done < this.#total) return;
      this.#drawn = now;
      const full = Math.round(share * width);
      this.#screen.write(`\r${this.#label} [${'#'.repeat(full)}${'.'.repeat(width - full)}] ${done}/${this.#total}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.#screen.write(`${this.#label} ${tenth * 10} % (${done}/${this.#total})\n`);
  }

  /** Ends the bar's line. */
  end(): void {
    if (this.#screen.isTTY === true) this.#screen.write('\n');
  }
}
