/** What a round of the memory case leaves behind. */

/** Bytes. */
export interface MemoryRound {
  readonly rooms: number;
  /** Resident memory of the process: after the warm-up and a rest, with all rooms in memory, at most, after the rest that follows; … */
  readonly rssStart: number;
  readonly rssFull: number;
  readonly rssPeak: number;
  readonly rssEvicted: number;
  /** … and the same moments after an explicit collection in every thread. */
  readonly rssStartCollected: number;
  readonly rssFullCollected: number;
  readonly rssEvictedCollected: number;
  /** Rooms in memory, by the service's own count, at each of three moments: start, after one message each, after two. */
  readonly resident: readonly [number, number, number];
  /** Used heap of all worker threads after a collection, at the same three moments. */
  readonly workerHeap: readonly [number, number, number];
  /** Rooms still in memory when the eviction was awaited. */
  readonly residentEvicted: number;
  readonly touchesPerSecond: number;
  readonly failures: number;
}
