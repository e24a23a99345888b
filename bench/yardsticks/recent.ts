/** A room's recent messages in Redis, as a layered service keeps them: one list per room, newest first. */
import { Redis } from 'ioredis';
import type { Neighbours } from '../environment.js';

/** Messages kept per room: what a join shows. */
const kept = 50;
/** Ends a list that nobody has removed, such as those of a process that was killed. In seconds. */
const timeToLive = 600;

export interface Recent {
  /** Resolves when Redis has taken it. @throws Error when it has not */
  add(roomId: string, message: string): Promise<void>;
  /** Removes all that was added. */
  close(): Promise<void>;
}

/** @param prefix begins the name of every key */
export async function openRecent({ host, port }: Neighbours['redis'], prefix: string): Promise<Recent> {
  const redis = new Redis({ host, port, lazyConnect: true });
  redis.on('error', (error) => {
    console.error(error.message);
  });
  await redis.connect();
  /** One per room of the bench. */
  const keys = new Set<string>();
  return {
    async add(roomId, message) {
      const key = `${prefix}:recent:${roomId}`;
      keys.add(key);
      const replies = await redis
        .multi()
        .lpush(key, message)
        .ltrim(key, 0, kept - 1)
        .expire(key, timeToLive)
        .exec();
      const failed = replies?.find(([error]) => error !== null)?.[0];
      if (failed) throw failed;
    },
    async close() {
      for (const key of keys) await redis.del(key);
      await redis.quit();
    },
  };
}
