/**
 * The cluster protocol. Postgres owns, Redis carries; the node that loses both can do no harm.
 *
 * **Who owns a partition** is decided by Postgres alone: whoever's writer session holds the partition's advisory lock.
 * After the grant the epoch of the partition is raised, and every frame carries it, so a former owner that does not know
 * yet is refused. A lock is freed by its holder (hand-over) or by the end of its session (death, or `idle_session_timeout`
 * when a node is frozen); nobody takes a held lock.
 *
 * **Who should own it** is only a hint: rendezvous hashing over the live nodes of the `nodes` table, where every node shows
 * that it lives. Each node polls nodes and holders (and is woken by NOTIFY when something changed):
 *
 *               view says another node ranks first,              session lost
 *               and the view has been stable                 ┌──────────────────┐
 *   unheld ──claim (rank 0 at once, rank k after k pauses)──▶ held ──yield──▶ yielding ──frame done, unlock, NOTIFY──▶ unheld
 *      ▲                                                      │
 *      └───────────── session of the holder ends ─────────────┘
 *
 * **Commands** for a partition held here go to its lane. For one held elsewhere they travel in frames over the node bus
 * (Redis pub/sub; while Redis is away, a table and NOTIFY of Postgres). While nobody is known to hold it they are parked,
 * bounded, until their deadline. A command whose frame got no answer is sent again, marked `resent`, to whoever holds the
 * partition then: the owner looks it up by its id, so it happens once.
 *
 * **Events** of a room reach other nodes as its partition's stream over Redis, after the commit. The owner's main thread
 * publishes, on one connection, first the replies of a frame and then its bursts; a receiver reads both on one connection,
 * so they keep their order.
 *
 * **Occupants** are in no store. A new owner is told of its sockets by every edge, and forgets those of nodes that died; a
 * little later it lists who is there, so that each edge can tell its sockets of those who died with the former owner.
 *
 * **Holes.** What Redis loses is found by the version (each room's stream is contiguous), by beacons of heads
 * and after every reconnect, and is filled from Postgres before anything later is delivered.
 */
import type { Command } from '../../actors/protocol/commands.js';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Burst, LaneOutcome, LaneReply } from '../frames.js';
import type { Service } from '../lifecycle.js';

export type { LaneOutcome, LaneReply };

/** Unique per process life: a restarted process is another node. */
export type NodeId = string;

/** What the database says of the cluster. */
export interface ClusterView {
  /** Nodes that showed a sign of life lately, this one included, sorted; `draining` ones own nothing new. */
  readonly nodes: readonly { readonly id: NodeId; readonly draining: boolean }[];
  /** By partition: who holds its lock and under which epoch; null while nobody does. */
  readonly owners: readonly (Owner | null)[];
}

export interface Owner {
  readonly node: NodeId;
  readonly epoch: number;
}

/** Polls the view; the node's own sign of life goes with each poll. */
export interface Membership extends Service {
  readonly view: ClusterView;
  /** Called with every view that differs from the last one. */
  onChange(listener: (view: ClusterView) => void): void;
  /** From now on the others see this node as draining. Resolves once written. */
  drain(): Promise<void>;
  /**
   * Called when the others may have taken this node for dead meanwhile (it was frozen, or cut off from the database):
   * they may have forgotten its sockets, so these are to be announced again to every owner.
   */
  onLapse(listener: () => void): void;
  /** Polls now: something is known to have changed. */
  poke(): void;
}

/** The rooms of this node's own workers. */
export interface LocalRooms extends Service {
  /** `resent`: an earlier sending of the command got no answer; it may have been executed. */
  offer(command: Command, resent: boolean, replyTo: LaneReply): void;
  /** The partitions this node should hold: free ones are claimed, surplus ones handed over after the frame at hand. */
  want(partitions: ReadonlySet<number>): void;
  /** Nodes that are no more: their sockets (`<node>/<socket id>`) leave the rooms held here. */
  gone(nodes: readonly NodeId[]): void;
  /** Held now, with the epochs. */
  readonly held: ReadonlyMap<number, number>;
  onHeld(listener: (partition: number, epoch: number | null) => void): void;
  /** Told after each frame's replies; `epoch` of the bursts' partitions is what `held` says then. */
  onFrame(listener: (bursts: readonly Burst[]) => void): void;
}

/** Carries texts between nodes: best effort, in order per pair of nodes while the connection lasts. */
export interface Transport extends Service {
  /** Whether messages are likely to arrive now. */
  readonly up: boolean;
  /**
   * Never throws and never queues without bound: what cannot be sent is dropped, the bus sends again.
   * @param again an earlier text got no answer and nothing else was heard from there: every way is to be tried
   */
  send(to: NodeId, text: string, again: boolean): void;
  onMessage(listener: (text: string) => void): void;
}

/** The owner's outcome, `moved`, or null when no answer came in time (sent again by the router). */
export type BusReply = (outcome: LaneOutcome | null) => void;

/** Commands and replies between nodes. */
export interface NodeBus extends Service {
  /** Answers exactly once. A receiver that does not hold the partition under `to.epoch` says `moved`. */
  send(to: Owner, command: Command, resent: boolean, replyTo: BusReply): void;
  /** The node is dead: what it has not answered is answered null now. */
  gone(node: NodeId): void;
}

/** One message of a partition's stream. */
export interface StreamMessage {
  readonly v: 1;
  readonly partitions: number;
  readonly partition: number;
  readonly node: NodeId;
  readonly epoch: number;
  readonly bursts: readonly StreamBurst[];
  /** Beacon: where rooms that changed lately stand. */
  readonly heads: readonly (readonly [key: RoomKey, version: number])[];
}

export interface StreamBurst extends Burst {
  /** The room's version before its first versioned event, and after its last; equal when there is none. */
  readonly from: number;
  readonly to: number;
}

/** The room streams of other nodes, for rooms with members here. */
export interface RoomStream extends Service {
  /** Publishes a frame's bursts of rooms held here. */
  publish(bursts: readonly StreamBurst[]): void;
  /** Resolves once the room's partition is subscribed; a join elsewhere is sent only then. Never rejects: without Redis the heads are polled. */
  follow(key: RoomKey): Promise<void>;
}
