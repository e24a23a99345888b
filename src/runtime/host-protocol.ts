/** The messages between the main thread and a shard host, and the task that starts a host. Plain data only. */
import type { MessagePort } from 'node:worker_threads';
import type { ActorLimits } from '../actors/protocol/limits.js';
import type { CommandFrame, FrameReply } from './frames.js';
import type { ConnectionSettings } from './store/postgres/connection.js';

export interface ShardPlan {
  readonly shard: number;
  readonly partitions: readonly number[];
}

/** What a shard needs to know of the configuration. */
export interface ShardSettings {
  readonly partitions: number;
  readonly recentMessages: number;
  readonly idleTtlMs: number;
  /** Rooms in memory per shard; over it the least recently used go. */
  readonly maxResidentRooms: number;
  readonly frameDeadlineMs: number;
  /** Nobody waits longer for an answer: work that is known not to be written is given up by then. */
  readonly replyDeadlineMs: number;
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
  readonly logLevel: string;
  /** Whether log lines are for human eyes. */
  readonly logPretty: boolean;
  /** How often the host shows that its event loop turns. */
  readonly beatMs: number;
}

export type ToHost =
  | CommandFrame
  /** Finish the frames at hand, free the partitions, end the task. */
  | { readonly type: 'stop' }
  | { readonly type: 'collect'; readonly id: number };

export type FromHost =
  | FrameReply
  /** The host runs; its shards are not ready yet. */
  | { readonly type: 'hello' }
  | { readonly type: 'beat' }
  /** The shard owns its partitions (again) and takes frames. */
  | { readonly type: 'ready'; readonly shard: number }
  /** The shard lost its connection; frames sent to it wait. */
  | { readonly type: 'suspended'; readonly shard: number }
  | { readonly type: 'collected'; readonly id: number; readonly metrics: unknown };
