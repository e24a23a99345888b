/**
 * Where a room lives: room key → partition (the unit of ownership between nodes) → shard (an ordering lane of this node).
 * FNV-1a over UTF-16 code units, finished by murmur3's fmix32; golden tests pin it, since a changed hash would move rooms.
 */
import type { RoomKey } from '../actors/protocol/ids.js';

/** A well-mixed unsigned 32-bit hash. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

export function partitionOf(key: RoomKey, partitions: number): number {
  return hashKey(key) % partitions;
}

/** Partitions are dealt out round robin, so every shard gets its share. */
export function shardOf(partition: number, shards: number): number {
  return partition % shards;
}

/** All partitions of a shard, ascending. */
export function partitionsOf(shard: number, shards: number, partitions: number): number[] {
  const owned: number[] = [];
  for (let partition = shard; partition < partitions; partition += shards) owned.push(partition);
  return owned;
}
