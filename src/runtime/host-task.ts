/** What a worker is told when it starts: the configuration as far as shards and actors need it. */
import type { ActorLimits } from '../actors/protocol/limits.js';
import type { Config } from '../config.js';
import { wantsPretty } from '../observe/log.js';
import { configuredRedis } from './cluster/transport/redis-client.js';
import type { HostTask, ShardPlan } from './host-protocol.js';
import type { ConnectionSettings } from './store/postgres/connection.js';

export interface HostTaskOptions {
  readonly config: Config;
  readonly connection: ConnectionSettings;
  /** Names this process in the ownership table. */
  readonly node: string;
  /** No other node is expected: every partition is wanted for ever, and waited for. */
  readonly alone: boolean;
  /** The database ends a writer's session that is silent for longer; absent for the usual time. */
  readonly idleSessionMs?: number;
}

/** All but what belongs to one life of the worker. */
export function hostTask(
  { config, connection, node, alone, idleSessionMs }: HostTaskOptions,
  shards: readonly ShardPlan[],
): Omit<HostTask, 'port' | 'worker' | 'beatMs'> {
  return {
    node,
    shards,
    connection,
    cache: cacheOf(config),
    logLevel: config.logLevel,
    logPretty: wantsPretty(config),
    limits: { ...actorLimits(config), ...(alone ? {} : { rosterDelayMs }) },
    settings: {
      partitions: config.partitions,
      alone,
      ...(idleSessionMs === undefined ? {} : { idleSessionMs }),
      recentMessages: config.roomRecentMessages,
      idleTtlMs: config.roomIdleTtlMs,
      maxResidentRooms: Math.max(
        1,
        Math.floor(config.maxResidentRooms / (config.workerThreads * config.shardsPerWorker)),
      ),
      frameDeadlineMs: config.frameDeadlineMs,
      replyDeadlineMs: config.replyDeadlineMs,
      outbox: config.rabbitmqUrl !== null,
    },
  };
}

function cacheOf(config: Config): HostTask['cache'] {
  const redis = configuredRedis(config);
  return redis === null || config.roomCacheTtlMs === 0 ? null : { redis, ttlMs: config.roomCacheTtlMs };
}

function actorLimits(config: Config): ActorLimits {
  return {
    recentMessages: config.roomRecentMessages,
    recentBytes: config.roomRecentBytes,
    typingTtlMs: config.typingTtlMs,
    typingQuietMs,
    typingUsers,
    marksKept,
    removalsKept: config.rabbitmqUrl === null && config.roomAccess === 'open' ? 0 : removalsKept,
    catchUpMessages: config.catchUpMessages,
  };
}

/** Repeated typing within this time is not told again. */
const typingQuietMs = 2_000;
const typingUsers = 1_000;
/** All that a node takes to see a new owner, to follow its streams and to announce its sockets, and then some. */
const rosterDelayMs = 3_000;
const marksKept = 1_000;
const removalsKept = 1_000;
