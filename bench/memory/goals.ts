/** What the memory case promises, and what its rounds say. */
import type { Judged } from '../goals.js';
import { figure, table } from '../markdown.js';
import { median } from '../results.js';
import type { MemoryRound } from './round.js';

/**
 * Bytes of worker heap that a resident idle room costs beyond its recent messages. Both passes add one message to each
 * room; only the first adds the room itself. So the room alone is the first growth less the second.
 */
function bytesPerRoom({ resident, workerHeap }: MemoryRound): number {
  const rooms = resident[1] - resident[0];
  const first = (workerHeap[1] - workerHeap[0]) / rooms;
  return first - bytesPerMessage({ resident, workerHeap });
}

/** Bytes of worker heap of one recent message in memory. */
function bytesPerMessage({ resident, workerHeap }: Pick<MemoryRound, 'resident' | 'workerHeap'>): number {
  return (workerHeap[2] - workerHeap[1]) / (resident[1] - resident[0]);
}

export function memoryGoals(rounds: readonly MemoryRound[]): readonly Judged[] {
  const of = (value: (round: MemoryRound) => number) => median(rounds.map(value));
  const count = rounds.length > 0 ? of(({ rooms }) => rooms).toLocaleString('en-US') : 'many';
  const touched = `${count} rooms touched once, then idle`;
  return [
    {
      title: touched,
      against: 'resident memory at the start, both after a collection',
      bound: 'at most',
      limit: 1.2,
      unit: 'x',
      figure: of((round) => round.rssEvictedCollected / round.rssStartCollected),
    },
    {
      title: 'an idle room in memory, beyond its recent messages',
      against: 'heap of the worker',
      bound: 'at most',
      limit: 2048,
      unit: 'bytes',
      figure: of(bytesPerRoom),
    },
  ];
}

export function memoryTable(rounds: readonly MemoryRound[]): string {
  const mb = (of: (round: MemoryRound) => number) => `${figure(median(rounds.map(of)) / 1024 ** 2)} MB`;
  const count = (of: (round: MemoryRound) => number) => Math.round(median(rounds.map(of))).toLocaleString('en-US');
  return table(
    ['moment', 'rooms in memory', 'resident memory', 'after a collection'],
    [
      [
        'after the warm-up and a rest',
        count((r) => r.resident[0]),
        mb((r) => r.rssStart),
        mb((r) => r.rssStartCollected),
      ],
      ['every room touched', count((r) => r.resident[2]), mb((r) => r.rssFull), mb((r) => r.rssFullCollected)],
      ['highest', '', mb((r) => r.rssPeak), ''],
      ['rooms evicted', count((r) => r.residentEvicted), mb((r) => r.rssEvicted), mb((r) => r.rssEvictedCollected)],
    ],
  );
}
