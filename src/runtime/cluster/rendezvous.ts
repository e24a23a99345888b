/**
 * Rendezvous hashing: every node ranks all nodes for a partition in the same order, without asking anybody. A node that
 * comes or goes moves only the partitions that it ranks first for.
 */
import { hashKey } from '../placement.js';
import type { NodeId } from './port.js';

/** The nodes by their rank for a partition: the first should own it, the next takes over. */
export function rank(partition: number, nodes: readonly NodeId[]): NodeId[] {
  const scores = new Map(nodes.map((node) => [node, hashKey(`${partition}:${node}`)]));
  const score = (node: NodeId): number => scores.get(node) ?? 0;
  return [...nodes].sort((a, b) => score(b) - score(a) || (a < b ? -1 : 1));
}
