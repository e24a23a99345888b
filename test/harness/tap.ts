/** Reads ava's TAP as it comes, shows progress and failures, and keeps the score. */
import type { Writable } from 'node:stream';

export interface Score {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

/** On a terminal the progress is one line that is rewritten; elsewhere a line per this many tests. */
const progressEvery = 50;

const result = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO).*)?$/;

export class TapReport {
  #passed = 0;
  #failures: string[] = [];
  #skipped: string[] = [];
  /** Whether the lines that follow belong to a failure. */
  #inFailure = false;
  readonly #out: Writable & { readonly isTTY?: boolean };

  constructor(out: Writable & { readonly isTTY?: boolean }) {
    this.#out = out;
  }

  get score(): Score {
    return { passed: this.#passed, failed: this.#failures.length, skipped: this.#skipped };
  }

  line(text: string): void {
    const match = result.exec(text);
    if (match === null) {
      // Diagnostics follow their test, indented; logs of a test come as comments. Plan and totals are ava's bookkeeping.
      if (this.#inFailure && /^( {2}|# {3})/.test(text)) this.#write(text.replace(/^# /, '  '));
      return;
    }
    const [, not, title = '', directive] = match;
    this.#inFailure = false;
    if (directive !== undefined) this.#skipped.push(title);
    else if (not === undefined) this.#passed += 1;
    else {
      this.#failures.push(title);
      this.#inFailure = true;
      this.#write(`✘ ${title}`);
    }
    this.#progress(title);
  }

  /** What the run came to, above its last line. */
  summary(): void {
    if (this.#out.isTTY === true) this.#out.write('\r\u001b[K');
    for (const title of this.#skipped) this.#write(`SKIPPED: ${title}`);
    if (this.#failures.length === 0) return;
    this.#write('\nFailed:');
    for (const title of this.#failures) this.#write(`  ✘ ${title}`);
  }

  #write(text: string): void {
    this.#out.write(this.#out.isTTY === true ? `\r\u001b[K${text}\n` : `${text}\n`);
  }

  #progress(title: string): void {
    const done = this.#passed + this.#failures.length + this.#skipped.length;
    if (this.#out.isTTY === true)
      this.#out.write(`\r\u001b[K${done} done, ${this.#failures.length} failed · ${title.slice(0, 80)}`);
    else if (done % progressEvery === 0) this.#write(`… ${done} tests done, ${this.#failures.length} failed`);
  }
}
