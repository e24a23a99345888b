/** What a child process printed: its JSON log lines, parsed, in a bounded memory, with waits for a line that is yet to come. */
import { generousMs } from './eventually.js';

export interface LogLine {
  readonly level?: number;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

interface Waiter {
  readonly matches: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
}

/** Lines and characters kept; the oldest go first. Far above what any test makes a quiet service print. */
const linesKept = 20_000;
const textKept = 32 * 1024 * 1024;

export class Output {
  /** Parsed JSON lines, oldest first. */
  readonly lines: LogLine[] = [];
  /** Lines that are not JSON: a crash report, a last word before a failed start. */
  readonly plain: string[] = [];
  /** Everything printed. */
  text = '';
  #rest = '';
  #waiters: Waiter[] = [];

  /** Takes what a pipe gave. */
  feed(chunk: string): void {
    this.text = (this.text + chunk).slice(-textKept);
    const parts = (this.#rest + chunk).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) if (part.trim() !== '') this.#line(part);
  }

  /** The first line, old or new, that matches. */
  waitFor(what: string, matches: (line: LogLine) => boolean, ms: number = generousMs): Promise<LogLine> {
    const known = this.lines.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== entry);
        reject(new Error(`no log line (${what}) within ${ms} ms; the last: ${this.tail()}`));
      }, ms);
      const entry: Waiter = {
        matches,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      this.#waiters.push(entry);
    });
  }

  /** The last lines, for messages of failures. */
  tail(characters = 4000): string {
    return this.text.slice(-characters);
  }

  #line(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      this.plain.push(text);
      if (this.plain.length > linesKept) this.plain.shift();
      return;
    }
    this.lines.push(line);
    if (this.lines.length > linesKept) this.lines.shift();
    const due = this.#waiters.filter((waiter) => waiter.matches(line));
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.resolve(line);
  }
}
