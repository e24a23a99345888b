/**
 * Messages larger than a message may be, such as a join's long catch-up: cut by the sender, put together by the receiver.
 * The parts of one message follow each other; with one missing the whole message counts as lost.
 */
import { partsMax, partUnits } from './codec.js';

/** The pieces of a text as JSON texts of `[index, of, text]`; null when there would be too many. */
export function cut(text: string): string[][] | null {
  const of = Math.ceil(text.length / partUnits);
  if (of > partsMax) return null;
  return Array.from({ length: of }, (_, index) => {
    // A surrogate pair cut in two survives: JSON escapes its halves, and joining makes it whole again.
    const piece = text.slice(index * partUnits, (index + 1) * partUnits);
    return [String(index), String(of), JSON.stringify(piece)];
  });
}

/** One sender's message that is arriving in parts: at most one at a time, of at most `partsMax` parts. */
export class Assembly {
  #pieces: string[] = [];
  #of = 0;

  /** The whole text once its last part came; null before, and when parts are missing. */
  add(index: number, of: number, piece: string): string | null {
    if (index === 0) {
      this.#pieces = [];
      this.#of = of;
    } else if (index !== this.#pieces.length || of !== this.#of) {
      this.clear();
      return null;
    }
    this.#pieces.push(piece);
    if (this.#pieces.length < of) return null;
    const text = this.#pieces.join('');
    this.clear();
    return text;
  }

  /** Whatever else arrives from the sender ends a message that is not complete. */
  clear(): void {
    this.#pieces = [];
    this.#of = 0;
  }
}
