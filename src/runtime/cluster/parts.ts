/**
 * What fits a message. Many small items are dealt out to several messages; an item larger than a message may be, such as a
 * join's long catch-up, is cut by the sender and put together by the receiver. The parts of one message follow each other;
 * with one missing the whole message counts as lost.
 */
import { messageMaxUnits, partsMax, partUnits } from './codec.js';

const itemsPerMessage = 1_024;

/** Items (JSON texts) dealt out so that each batch fits one message, in order; one that is too large is alone. */
export function* batches(items: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let units = 0;
  for (const item of items) {
    if (batch.length > 0 && (batch.length >= itemsPerMessage || units + item.length > messageMaxUnits)) {
      yield batch;
      batch = [];
      units = 0;
    }
    batch.push(item);
    units += item.length + 1;
  }
  if (batch.length > 0) yield batch;
}

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
