import test from 'ava';
import fc from 'fast-check';
import { hashKey, partitionOf, partitionsOf, shardOf } from '../../src/runtime/placement.js';

test('the hash is pinned: a changed one would move every room', (t) => {
  const golden: [string, number][] = [
    ['', 2872998923],
    ['general', 3485929071],
    ['room-1', 544690195],
    ['dm-a-b', 2378044650],
    ['ключ', 1398607446],
    ['😀', 2916093958],
  ];
  for (const [key, hash] of golden) t.is(hashKey(key), hash, key);
});

test('every partition belongs to exactly one shard', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 32, max: 256 }), (shards, partitions) => {
      const owners = new Map<number, number>();
      for (let shard = 0; shard < shards; shard++)
        for (const partition of partitionsOf(shard, shards, partitions)) {
          if (owners.has(partition) || shardOf(partition, shards) !== shard) return false;
          owners.set(partition, shard);
        }
      return owners.size === partitions;
    }),
  );
  t.pass();
});

test('rooms spread evenly over the partitions', (t) => {
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < 64_000; i++) {
    const partition = partitionOf(`room-${i}`, 64);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  t.true(Math.min(...counts) > 850 && Math.max(...counts) < 1150, JSON.stringify(counts));
});
