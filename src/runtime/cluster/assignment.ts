/**
 * Which partitions this node should hold, as far as it can tell: a hint, since the locks decide. Pure: the view, what is
 * held, the time and what was seen before are arguments.
 *
 * - Nobody holds it: the node that ranks first wants it at once, the next one pause later, and so on: whoever lives gets it.
 * - Held here, but another ranks first: kept until the nodes have been the same for a while, then handed over, a few at a time.
 *   What was taken only lately stays longer: the one that ranks first may be dead, and not known to be.
 * - Held by another: not wanted, whatever the rank; the holder hands it over.
 * - A draining node hands over everything as soon as there is somebody to take it, and wants nothing new.
 */
import type { ClusterView, NodeId } from './port.js';
import { rank } from './rendezvous.js';

export interface AssignmentTimes {
  /** Pause between the ranks in a take-over, ms. */
  readonly takeOverStepMs: number;
  /** How long the nodes must have been the same before anything is handed over, ms. */
  readonly stableMs: number;
  /** After which a dead node is known to be dead, ms. */
  readonly staleMs: number;
}

/** What is remembered from one look to the next. */
export interface Memory {
  /** The nodes that may own something, and since when they are the same. */
  readonly nodes: string;
  readonly since: number;
  /** By partition, the ranks; recomputed when the nodes change. */
  readonly ranks: readonly (readonly NodeId[])[];
  /** Since when nobody holds a partition, and since when this node does. */
  readonly free: ReadonlyMap<number, number>;
  readonly ours: ReadonlyMap<number, number>;
  readonly wanted: ReadonlySet<number>;
}

export const noMemory: Memory = { nodes: '', since: 0, ranks: [], free: new Map(), ours: new Map(), wanted: new Set() };

export interface Situation {
  readonly view: ClusterView;
  readonly self: NodeId;
  /** What this node's shards say that they hold, which is newer than the view. */
  readonly held: { has(partition: number): boolean };
  /** Milliseconds of a clock that never steps back. */
  readonly now: number;
  readonly times: AssignmentTimes;
}

/** Handed over at a time, as a share of all: rooms move in small steps, so that few wait at once. */
const handOverShare = 1 / 16;

/** What to want now; its `wanted` is the answer, the whole is to be passed to the next look. */
export function assign(situation: Situation, before: Memory): Memory {
  const { view, self, held, now, times } = situation;
  const staying = view.nodes.filter(({ draining }) => !draining).map(({ id }) => id);
  // If everyone drains, someone must still serve until the end.
  const owners = staying.length > 0 ? staying : view.nodes.map(({ id }) => id);
  const nodes = owners.join('\n');
  const same = nodes === before.nodes;
  const since = same ? before.since : now;
  const ranks = same ? before.ranks : view.owners.map((_, partition) => rank(partition, owners));
  const mayOwn = owners.includes(self);
  const stable = now - since >= times.stableMs;

  const free = new Map<number, number>();
  const ours = new Map<number, number>();
  const wanted = new Set<number>();
  let handOvers = Math.max(1, Math.ceil(view.owners.length * handOverShare));
  view.owners.forEach((owner, partition) => {
    const place = ranks[partition]?.indexOf(self) ?? -1;
    if (held.has(partition)) {
      const heldSince = before.ours.get(partition) ?? now;
      ours.set(partition, heldSince);
      const settled = stable && now - heldSince >= times.staleMs + times.stableMs;
      if (mayOwn && (place === 0 || !settled || --handOvers < 0)) wanted.add(partition);
    } else if (!mayOwn) {
      return;
    } else if (owner === null) {
      const freeSince = before.free.get(partition) ?? now;
      free.set(partition, freeSince);
      if (now - freeSince >= place * times.takeOverStepMs) wanted.add(partition);
    } else if (owner.node === self && (place === 0 || before.wanted.has(partition))) {
      // Ours, but not held: its shard is taking it again, or the view is older than what the shards say.
      wanted.add(partition);
    }
  });
  return { nodes, since, ranks, free, ours, wanted };
}
