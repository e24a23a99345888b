/** What the room streams count: plain numbers, read when somebody scrapes. */
export interface StreamMetrics {
  /** Messages handed to Redis. */
  published: number;
  received: number;
  /** Messages that were refused on arrival: malformed, oversized, of another version or another PARTITIONS. */
  refused: number;
  /** Bursts of an owner that had been replaced. */
  formerOwner: number;
  /** Rooms whose stream here had a hole. */
  holes: number;
  /** Holes that were closed from the store. */
  repairs: number;
  /** Those of them that were too long to fill, and were announced. */
  resyncs: number;
  /** Reads of the store that failed and are repeated. */
  readFailures: number;
}

export function createStreamMetrics(): StreamMetrics {
  return { published: 0, received: 0, refused: 0, formerOwner: 0, holes: 0, repairs: 0, resyncs: 0, readFailures: 0 };
}
