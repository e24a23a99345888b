/** What bounds the memory and the behaviour of one room actor. All of it comes from the configuration. */
export interface ActorLimits {
  /** Messages kept in the recent ring of a room and sent with `room_joined`. */
  readonly recentMessages: number;
  /** Bytes (UTF-16 code units x 2, roughly) of content kept in the ring; the oldest go first, the newest always stays. */
  readonly recentBytes: number;
  /** Typing ends this many milliseconds after the last `typing`. */
  readonly typingTtlMs: number;
  /** A repeated `typing` within this many milliseconds of the last broadcast is not broadcast again. */
  readonly typingQuietMs: number;
  /** Users whose typing one room tracks; over it a further user's typing is refused as OVERLOADED. */
  readonly typingUsers: number;
  /** Watermarks of users kept in memory per room; over it the least recently used are read from the store again. */
  readonly marksKept: number;
  /** Users whose removal one room remembers; over it everybody's access is asked for anew. 0 where nobody can be removed. */
  readonly removalsKept: number;
  /** A catch-up by `since` brings at most this many changed messages; more answer `resync_required`. */
  readonly catchUpMessages: number;
  /**
   * This many milliseconds after sockets were announced the edges are told who is in the room: by then every node has
   * announced its own. Absent where there is one node only.
   */
  readonly rosterDelayMs?: number;
}
