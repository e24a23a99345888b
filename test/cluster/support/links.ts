/** Redis connections for the tests of the cluster. */
import { RedisLinks, type RedisLinksOptions } from '../../../src/runtime/cluster/transport/redis.js';
import { within } from '../../harness/eventually.js';

/** Between probes, ms: so long that a slow machine is no outage. A connection that is closed is seen without them. */
export const calm = 10_000;

/** Starts them and resolves once they are up, however long it takes: a service would go on without them after a second. */
export async function startLinks(links: RedisLinks): Promise<RedisLinks> {
  const ready = new Promise<void>((resolve) => links.onReady(resolve));
  await links.start();
  await within(ready, 'Redis ready');
  return links;
}

/** They are up, and stopped by the caller. */
export function openLinks(options: Omit<RedisLinksOptions, 'probeMs'>): Promise<RedisLinks> {
  return startLinks(new RedisLinks({ ...options, probeMs: calm }));
}
