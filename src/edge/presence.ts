/**
 * Who is online, and the reports to the User Presence Service.
 *
 * A user is online with a socket, or for PRESENCE_TTL_MS after a heartbeat; a logout ends both until the next heartbeat or
 * socket. Reports go out for the first and the last socket of a user. With several nodes all of that is over all of them:
 * then `presence/registry.ts` keeps it in Redis, and while Redis is away this node's own knowledge has to do.
 */
import { LRUCache } from 'lru-cache';
import type { Config } from '../config.js';
import type { Log } from '../observe/log.js';
import type { Service } from '../runtime/lifecycle.js';
import type { Presence } from './port.js';
import { PresenceRegistry, type RegistrySettings } from './presence/registry.js';
import { Reporter } from './presence/reporter.js';

export interface PresenceOptions {
  readonly config: Pick<Config, 'presenceServiceUrl' | 'presenceTtlMs' | 'neighbourTimeoutMs' | 'maxSockets'>;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** Where the nodes share what they know; null on the only node. */
  readonly shared?: RegistrySettings | null;
}

/** Users with a heartbeat that are remembered; over it those who were silent longest count as offline. */
const heartbeatsKept = 100_000;

export function createPresence(options: PresenceOptions): Presence & Service {
  const { config, log, now = () => performance.now(), shared = null } = options;
  /** How many sockets a user has here; bounded by the sockets of this node, as are those who logged out in spite of one. */
  const sockets = new Map<string, number>();
  const loggedOut = new Set<string>();
  const heartbeats = new LRUCache<string, number>({ max: heartbeatsKept });
  const reporter =
    config.presenceServiceUrl === null
      ? null
      : new Reporter(config.presenceServiceUrl, config.neighbourTimeoutMs, config.maxSockets, log);
  const registry =
    shared === null
      ? null
      : new PresenceRegistry({
          ...shared,
          presenceTtlMs: config.presenceTtlMs,
          users: () => sockets.keys(),
          isHere: (userId) => sockets.has(userId),
          onStatus: (userId, status) => reporter?.report(userId, status),
          log,
        });

  function isOnline(userId: string): boolean {
    if (sockets.has(userId) && !loggedOut.has(userId)) return true;
    const heartbeat = heartbeats.get(userId);
    return heartbeat !== undefined && now() - heartbeat < config.presenceTtlMs;
  }

  return {
    name: 'presence',
    connected(userId) {
      const count = sockets.get(userId) ?? 0;
      sockets.set(userId, count + 1);
      loggedOut.delete(userId);
      if (registry !== null) registry.changed(userId);
      else if (count === 0) reporter?.report(userId, 'online');
    },
    disconnected(userId) {
      const count = sockets.get(userId);
      if (count === undefined) return;
      if (count > 1) {
        sockets.set(userId, count - 1);
        return;
      }
      sockets.delete(userId);
      loggedOut.delete(userId);
      if (registry !== null) registry.changed(userId);
      else reporter?.report(userId, 'offline');
    },
    heartbeat(userId) {
      heartbeats.set(userId, now());
      loggedOut.delete(userId);
      registry?.mark(userId, 'seen');
    },
    logout(userId) {
      heartbeats.delete(userId);
      if (sockets.has(userId)) loggedOut.add(userId);
      registry?.mark(userId, 'out');
    },
    async online(userIds) {
      const shared = (await registry?.online(userIds)) ?? null;
      return Object.fromEntries(
        userIds.map((userId) => {
          // What this node has not written yet it knows better.
          const known = shared === null || registry?.isWriting(userId) === true ? undefined : shared.get(userId);
          return [userId, known ?? isOnline(userId)];
        }),
      );
    },
    start: () => registry?.start() ?? Promise.resolve(),
    stop: async () => {
      await registry?.stop();
      await reporter?.stop();
    },
  };
}
