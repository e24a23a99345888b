/**
 * Ids of commands and messages: UUID v7, in order of time. The library makes the bytes; the text is written here in one
 * piece, because a text put together from 36 parts costs a multiple of its making as soon as it is the key of a map.
 * Randomness is taken from the system in blocks: asking for it costs a microsecond, whatever the amount.
 */
import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

const block = new Uint32Array(1024);
let used = block.length;

const generator = new V7Generator({
  nextUint32() {
    if (used >= block.length) {
      randomFillSync(block);
      used = 0;
    }
    return block[used++] ?? 0;
  },
});

const digits = Buffer.from('0123456789abcdef', 'latin1');

/** Where the two digits of each byte go: 8-4-4-4-12, with hyphens between. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const text = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1');

export function newId(): string {
  const { bytes } = generator.generate();
  for (let index = 0; index < 16; index += 1) {
    const byte = bytes[index] ?? 0;
    const place = places[index] ?? 0;
    text[place] = digits[byte >>> 4] ?? 0;
    text[place + 1] = digits[byte & 0xf] ?? 0;
  }
  return text.toString('latin1');
}
