/**
 * The state of one room actor: plain data, changed in place by the evolve functions and by nothing else. Maps exist only
 * while they hold something, since most rooms in memory are idle. What belongs to one frame only is in `frame`, `undo`
 * and `sent`, and is gone after `settle`.
 */
import type { ActorLimits } from './protocol/limits.js';
import type { RoomKey } from './protocol/ids.js';
import type { Message } from './protocol/message.js';
import type { Removal, RoomSnapshot } from './protocol/state.js';
import { trim, weight } from './recent.js';
import type { Removals } from './removals.js';
import { rollBack, type Undo } from './undo.js';

/** How far a user has got; `delivered` is never below `read`. */
export interface Watermarks {
  readonly delivered: number;
  readonly read: number;
}

/** A user whose typing the others have been told of, and not yet its end. Times in ms since 1970. */
export interface Typing {
  /** Counts up with every start, since the clock may step back. */
  readonly order: number;
  readonly until: number;
  readonly announcedAt: number;
}

/** What the store told for this frame. Bounded by the needs of the frame's commands. */
export interface FrameMemory {
  /** Messages older than the ring, by id, kept up to date while the frame lasts. */
  readonly guests: Map<string, Message>;
  /** Others' undeleted messages with `read` < seq that are older than the ring, by user. */
  readonly unread: Map<string, { readonly read: number; readonly count: number }>;
  /** Every message older than the ring that changed after this version is among the guests. */
  changesSince: number;
  /** What the store told of removals; null when it was not asked. */
  removals: readonly Removal[] | null;
}

export interface RoomState {
  readonly key: RoomKey;
  lastSeq: number;
  lastVersion: number;
  /** Every change with a version above it, up to the last settle, is a message of the ring. */
  floor: number;
  /** The ring: the newest messages, tombstones included, seq ascending and gapless up to `lastSeq`. */
  recent: Message[];
  /** Sum of their weights. */
  bytes: number;
  /** How many there were, and the room's version, when the frame began. */
  settledLength: number;
  settledVersion: number;
  /** The JSON array of them that joins send; null once any of them changed. */
  text: string | null;
  /** Least recently changed first; bounded by `marksKept`. A user not in it has marks in the store, or none. */
  marks: Map<string, Watermarks> | null;
  /**
   * Users in the room with their sockets, one each as a rule: a list takes a third of the memory of a set. Unbounded by
   * contract; the edges bound sockets per user and node.
   */
  occupants: Map<string, readonly string[]> | null;
  /** When the edges are to be told who is here (ms since 1970); null while they need not be. */
  rosterAt: number | null;
  /** Bounded by `typingUsers`: a further user is refused. */
  typing: Map<string, Typing> | null;
  /** Null while no removal is known, which is the rule. */
  removals: Removals | null;
  frame: FrameMemory | null;
  /** How to take back what this frame did to occupants and typing; as long as the frame's ephemeral events. */
  undo: Undo[] | null;
  /** Seqs in the ring by sender and client_msg_id; only in frames that bring many messages. As large as the ring. */
  sent: Map<string, number> | null;
}

/** @throws Error when the snapshot's messages do not reach up to its `lastSeq`: a bug of the store */
export function activate(snapshot: RoomSnapshot, limits: ActorLimits): RoomState {
  const { key, lastSeq, lastVersion } = snapshot;
  const recent = [...snapshot.recent];
  const oldest = recent[0];
  if (oldest !== undefined && oldest.seq + recent.length - 1 !== lastSeq)
    throw new Error('snapshot: the recent messages are not the newest');
  let bytes = 0;
  for (const message of recent) bytes += weight(message);
  const state: RoomState = {
    key,
    lastSeq,
    lastVersion,
    floor: catchUpFloor(lastVersion, recent),
    recent,
    bytes,
    settledLength: 0,
    settledVersion: lastVersion,
    text: null,
    marks: null,
    occupants: null,
    rosterAt: null,
    typing: null,
    removals: null,
    frame: null,
    undo: null,
    sent: null,
  };
  trim(state, limits);
  state.settledLength = state.recent.length;
  return state;
}

/** The versions above the floor belong to messages at hand, one by one; of the version below nothing is known. */
function catchUpFloor(lastVersion: number, recent: readonly Message[]): number {
  const versions = new Set<number>();
  for (const message of recent) versions.add(message.version);
  let floor = lastVersion;
  while (versions.has(floor)) floor--;
  return floor;
}

/** Ends a committed frame: its facts are forgotten, memory goes back to its bounds, the floor rises accordingly. */
export function settle(state: RoomState, limits: ActorLimits): void {
  if (state.frame !== null) {
    // A guest is not remembered: who catches up from before its change must ask the store.
    for (const guest of state.frame.guests.values()) if (guest.version > state.floor) state.floor = guest.version;
    state.frame = null;
  }
  state.undo = null;
  state.sent = null;
  trim(state, limits);
  state.settledLength = state.recent.length;
  state.settledVersion = state.lastVersion;
  const { marks } = state;
  if (marks !== null && marks.size > limits.marksKept)
    for (const userId of marks.keys()) {
      if (marks.size <= limits.marksKept) break;
      marks.delete(userId);
    }
}

/**
 * Gives the occupants and typings of an old state to a fresh one. A frame that did not settle has not happened: what it
 * did to them is taken back first, so that deciding its commands again says the same again.
 */
export function carry(old: RoomState, fresh: RoomState): RoomState {
  rollBack(old);
  fresh.occupants = old.occupants;
  fresh.rosterAt = old.rosterAt;
  fresh.typing = old.typing;
  // One that did not commit stays noted: whoever it names is only asked about once more.
  fresh.removals = old.removals;
  old.text = null;
  return fresh;
}

export function occupied(state: RoomState): boolean {
  return state.occupants !== null;
}
