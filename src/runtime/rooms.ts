/** THE facade: all that the edges know of the runtime. Commands go in, outcomes and bursts come out, in order. */
import type { AnnounceCommand, Command } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Burst, Outcome } from './frames.js';

/** Called exactly once, synchronously before the bursts of the same frame; `at` is the command's place in its frame. */
export type ReplyTo = (outcome: Outcome, at: number) => void;

/** What an edge is to the runtime. */
export interface EdgeListener {
  /** The bursts of one committed frame, after all of its replies were given. Empty when the frame had none. */
  onBursts(bursts: readonly Burst[]): void;
  /** The sockets of this edge in a room, for an actor that lost its memory; null when there are none. */
  announce(key: RoomKey): AnnounceCommand | null;
  /** The rooms in which this edge has sockets. */
  occupiedRooms(): Iterable<RoomKey>;
}

export interface Rooms {
  /** Puts a command into its room's mailbox. Over the mailbox's high mark it is refused at once: OVERLOADED. */
  send(command: Command, replyTo: ReplyTo): void;
  /** The same as a promise; it never rejects. */
  ask(command: Command): Promise<Outcome>;
  /** The one edge of this process. */
  attach(listener: EdgeListener): void;
  /** False while draining or while no worker serves. */
  readonly accepting: boolean;
}
