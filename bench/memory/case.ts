/** The memory case: what a room costs while it stays, and whether memory comes back when it goes. */
import { benchCase } from '../case.js';
import { memoryGoals, memoryTable } from './goals.js';
import { runMemoryRound } from './observe.js';
import type { MemoryRound } from './round.js';

/** A round takes minutes, and its figures hardly vary. */
const maxRounds = 3;

export const memoryCase = benchCase<MemoryRound>({
  name: 'memory',
  title: 'very many rooms touched, then left alone',
  maxRounds,
  parameters: ({ rooms, idleTtlMs }) => ({ rooms, idleTtlMs }),
  measure: async ({ options, postgres, outputFile, say }) => {
    const { rooms, idleTtlMs, settings } = options;
    const round = await runMemoryRound({ rooms, idleTtlMs }, postgres, { settings, flags: [] }, outputFile('service'));
    say(`${Math.round(round.touchesPerSecond)} rooms touched/s`);
    return round;
  },
  faults: ({ failures, residentEvicted }) => [
    ...(failures > 0 ? [`${failures} messages not acked`] : []),
    ...(residentEvicted > 0 ? [`${residentEvicted} rooms were never evicted`] : []),
  ],
  goals: memoryGoals,
  tables: memoryTable,
});
