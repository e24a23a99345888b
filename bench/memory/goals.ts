/** What the memory case promises. */
import type { Goal } from '../cases.js';
import { median, type MemoryRound } from '../results.js';

interface MemoryGoal extends Goal {
  readonly of: (round: MemoryRound) => number;
}

/**
 * Bytes of worker heap that a resident idle room costs beyond its recent messages. Both passes add one message to each
 * room; only the first adds the room itself. So the room alone is the first growth less the second.
 */
export function bytesPerRoom({ resident, workerHeap }: MemoryRound): number {
  const rooms = resident[1] - resident[0];
  const first = (workerHeap[1] - workerHeap[0]) / rooms;
  return first - bytesPerMessage({ resident, workerHeap });
}

/** Bytes of worker heap of one recent message in memory. */
export function bytesPerMessage({ resident, workerHeap }: Pick<MemoryRound, 'resident' | 'workerHeap'>): number {
  return (workerHeap[2] - workerHeap[1]) / (resident[1] - resident[0]);
}

export const memoryGoals: readonly MemoryGoal[] = [
  {
    title: 'resident memory after eviction against the start, both after a collection',
    kind: 'now',
    bound: 'at most',
    limit: 1.2,
    unit: 'x',
    of: (round) => round.rssEvictedCollected / round.rssStartCollected,
  },
  {
    title: 'worker heap per idle room in memory, beyond its messages',
    kind: 'now',
    bound: 'at most',
    limit: 2048,
    unit: 'bytes',
    of: bytesPerRoom,
  },
];

export function memoryTitle(rounds: readonly MemoryRound[]): string {
  return `${median(rounds.map(({ rooms }) => rooms)).toLocaleString('en-US')} rooms touched, then left alone`;
}
