/**
 * What the runtime needs to know of an actor: the port that `src/actors/room.ts` fills. The worker entry is the only
 * place where both meet. States are owned by the shard and may be changed in place; everything is synchronous and
 * deterministic: time and ids are arguments.
 */
import type { Command } from '../actors/protocol/commands.js';
import type { Decision, Known } from '../actors/protocol/decision.js';
import type { Broadcast, RoomEvent } from '../actors/protocol/events.js';
import type { Answer } from '../actors/protocol/replies.js';
import type { Facts, Need, RoomSnapshot } from '../actors/protocol/state.js';

export type { Decision, Known };

export interface Behaviour<State, Reply> {
  /** A state from the store's snapshot, with nobody in the room. */
  activate(snapshot: RoomSnapshot): State;
  /** What this command needs from behind the memory; empty for almost every command. */
  needs(state: State, command: Command): readonly Need[];
  /** Keeps the facts for the rest of this frame. */
  supply(state: State, facts: Facts): void;
  decide(state: State, command: Command, now: number, known: Known | null): Decision<Reply>;
  evolve(state: State, event: RoomEvent): State;
  /** The reply as it travels to the edge, taken right after the command's events evolved. */
  encodeReply(state: State, reply: Reply): Answer;
  /** What sockets hear of an event; empty when nobody is told. Taken right after the event evolved. */
  broadcasts(state: State, event: RoomEvent): readonly Broadcast[];
  /** Forgets the frame's facts and trims memory to its bounds; called after every frame that touched the room. */
  settle(state: State): void;
  /** When the room wants a `tick` (ms since 1970), or null. */
  deadline(state: State): number | null;
  /** Whether anyone is in the room; an occupied room is not evicted for being idle. */
  occupied(state: State): boolean;
  /** Whether a socket of one of these nodes is in the room. */
  hosts(state: State, nodes: readonly string[]): boolean;
  /** Who is in the room, to be kept when the durable part of a state is read again. */
  carry(old: State, fresh: State): State;
  lastSeq(state: State): number;
  lastVersion(state: State): number;
}
