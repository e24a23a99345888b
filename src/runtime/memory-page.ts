/**
 * Asks a room of this node for a page out of its memory. It goes through the mailbox like everything else, so what was
 * acknowledged before is in it. Memory is an advantage, never a condition: whatever does not work out quickly is left to the
 * store, so that reads do not wait for what sends wait for.
 */
import type { PageCommand } from '../actors/protocol/commands.js';
import type { LocalRooms } from './cluster/port.js';

/** Several frames of a busy shard; after that the store is likely to be quicker. */
const patienceMs = 250;

/** What an actor answers when the page is not in its memory. */
const notAtHand = 'null';

/** Null where the store is to be asked. Never rejects. */
export function memoryPage(local: Pick<LocalRooms, 'offer'>, command: PageCommand): Promise<string | null> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(null), patienceMs);
    local.offer(command, false, (outcome) => {
      clearTimeout(late);
      resolve(outcome.ok && outcome.answer.body !== notAtHand ? outcome.answer.body : null);
    });
  });
}
