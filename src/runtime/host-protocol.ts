/** The messages between the main thread and a shard host, and the task that starts a host. Plain data only. */
import type { MessagePort } from 'node:worker_threads';
import type { ActorLimits } from '../actors/protocol/limits.js';
import type { PackedFrame, PackedReply } from './packing.js';
import type { RedisSettings } from './cluster/transport/redis-client.js';
import type { ConnectionSettings } from './store/postgres/connection.js';

export interface ShardPlan {
  readonly shard: number;
  /** Those it wants when it starts. */
  readonly partitions: readonly number[];
}

/** What a shard needs to know of the configuration. */
export interface ShardSettings {
  readonly partitions: number;
  /** No other node is expected: the partitions of the plan are wanted for ever, and waited for. */
  readonly alone: boolean;
  /** The database ends a session that is silent for longer; absent for the usual time. */
  readonly idleSessionMs?: number;
  readonly recentMessages: number;
  readonly idleTtlMs: number;
  /** Rooms in memory per shard; over it empty ones go, and so many occupied ones let no further room become occupied. */
  readonly maxResidentRooms: number;
  readonly frameDeadlineMs: number;
  /** Nobody waits longer for an answer: work that is known not to be written is given up by then. */
  readonly replyDeadlineMs: number;
  /** Whether integration events are written with the frames: there is a broker to send them to. */
  readonly outbox: boolean;
}

/** The life-long piscina task of one worker. */
export interface HostTask {
  readonly port: MessagePort;
  readonly worker: number;
  readonly node: string;
  readonly shards: readonly ShardPlan[];
  readonly settings: ShardSettings;
  readonly limits: ActorLimits;
  readonly connection: ConnectionSettings;
  /** Where recent history is cached; null for nowhere. */
  readonly cache: { readonly redis: RedisSettings; readonly ttlMs: number } | null;
  readonly logLevel: string;
  /** Whether log lines are for human eyes. */
  readonly logPretty: boolean;
  /** How often the host shows that its event loop turns. */
  readonly beatMs: number;
}

export type ToHost =
  | PackedFrame
  /** The shard's partitions from now on: free ones are claimed, surplus ones freed after the frame at hand. */
  | { readonly type: 'want'; readonly shard: number; readonly partitions: readonly number[] }
  /** These nodes are no more: their sockets leave the rooms. */
  | { readonly type: 'gone'; readonly nodes: readonly string[] }
  /** Finish the frames at hand, free the partitions, end the task. */
  | { readonly type: 'stop' }
  | { readonly type: 'collect'; readonly id: number };

export type FromHost =
  | PackedReply
  /** The host runs; its shards are not ready yet. */
  | { readonly type: 'hello' }
  | { readonly type: 'beat' }
  /** The shard is connected (again) and takes frames; one that is alone holds all of its partitions. */
  | { readonly type: 'ready'; readonly shard: number }
  /** The shard lost its connection; frames sent to it wait. */
  | { readonly type: 'suspended'; readonly shard: number }
  /** All that the shard holds, and under which epochs; sent before the replies of frames that were decided so. */
  | {
      readonly type: 'held';
      readonly shard: number;
      readonly held: readonly (readonly [partition: number, epoch: number])[];
    }
  | { readonly type: 'collected'; readonly id: number; readonly metrics: unknown };
