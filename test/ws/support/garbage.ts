/** What the collector leaves, for tests of what must not be kept. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A client of the same process and Node's own pools let go of some things only in later turns. */
const turnsAtMost = 50;

/** Those that are still reachable after collections in several turns of the event loop; stops as soon as there are none. */
export async function uncollected(refs: readonly WeakRef<object>[]): Promise<object[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < turnsAtMost; turn += 1) {
    // A target that was looked at lives until the end of its turn.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    if (refs.every((ref) => ref.deref() === undefined)) return [];
  }
  return refs.flatMap((ref) => ref.deref() ?? []);
}
