/** The Rooms facade over supervised worker hosts: lanes take the commands, hosts run the actors, replies come back in order. */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { AnnounceCommand, Command } from '../actors/protocol/commands.js';
import type { ActorLimits } from '../actors/protocol/limits.js';
import { reject } from '../actors/rejections.js';
import type { Config } from '../config.js';
import { wantsPretty, type Log } from '../observe/log.js';
import type { FrameReply, Outcome } from './frames.js';
import type { FromHost, ShardPlan, ToHost } from './host-protocol.js';
import { Lane } from './lane.js';
import type { Service } from './lifecycle.js';
import { partitionOf, partitionsOf, shardOf } from './placement.js';
import { RestartIntensity } from './restart-intensity.js';
import type { EdgeListener, ReplyTo, Rooms } from './rooms.js';
import type { ConnectionSettings } from './store/postgres/connection.js';
import { WorkerHost } from './worker-host.js';

export interface RoomRuntimeOptions {
  readonly config: Config;
  readonly connection: ConnectionSettings;
  /** Names this process in the ownership table. */
  readonly node: string;
  readonly log: Log;
  readonly onWorkerRestart: () => void;
  /** Restarting does not help any more: the process should end loudly. */
  readonly onGiveUp: (reason: string) => void;
}

const restartWindowMs = 60_000;
const expiryMs = 250;

export class RoomRuntime implements Rooms, Service {
  readonly name = 'rooms';
  readonly #options: RoomRuntimeOptions;
  readonly #lanes: readonly Lane[];
  readonly #intensity: RestartIntensity;
  #hosts: WorkerHost[] = [];
  #pool: Piscina | null = null;
  #edge: EdgeListener | null = null;
  #accepting = false;
  #timers: NodeJS.Timeout[] = [];
  #onServing: (() => void) | null = null;

  constructor(options: RoomRuntimeOptions) {
    const { config, log } = options;
    this.#options = options;
    this.#intensity = new RestartIntensity(config.workerRestarts, restartWindowMs);
    this.#lanes = Array.from(
      { length: config.workerThreads * config.shardsPerWorker },
      (_, shard) =>
        new Lane({
          shard,
          bounds: { highMark: config.mailboxCapacity, lowMark: config.mailboxLowMark },
          frameMaxCommands: config.frameMaxCommands,
          frameMaxBytes: config.frameMaxBytes,
          replyDeadlineMs: config.replyDeadlineMs,
          log,
        }),
    );
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  /** Whether every shard holds its partitions and takes frames. */
  get serving(): boolean {
    return this.#lanes.every((lane) => lane.serving);
  }

  /** Commands waiting, by shard. */
  depths(): readonly number[] {
    return this.#lanes.map((lane) => lane.depth);
  }

  attach(listener: EdgeListener): void {
    this.#edge = listener;
  }

  send(command: Command, replyTo: ReplyTo): void {
    // Departures are still taken while draining: they only free memory, and the room should not keep ghosts.
    if (!this.#accepting && command.kind !== 'leave') replyTo({ ok: false, rejection: reject('DRAINING') }, 0);
    else this.#laneOf(command.key).offer(command, replyTo);
  }

  ask(command: Command): Promise<Outcome> {
    return new Promise((resolve) => this.send(command, resolve));
  }

  /** Resolves once every shard holds its partitions. */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    const pool = new Piscina({
      filename: fileURLToPath(new URL('worker.js', import.meta.url)),
      minThreads: config.workerThreads,
      maxThreads: config.workerThreads,
      idleTimeout: Infinity,
      // With the default a worker's timers and sockets would be frozen between tasks.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: config.workerMaxHeapMb },
    });
    this.#pool = pool;
    pool.on('error', (error: unknown) => {
      log.error({ err: error }, 'the worker pool reported an error');
      if (pool.threads.length === 0) this.#giveUp('no worker thread can be started');
    });
    this.#hosts = Array.from({ length: config.workerThreads }, (_, worker) => this.#createHost(pool, worker));
    const serving = new Promise<void>((resolve) => (this.#onServing = resolve));
    for (const host of this.#hosts) host.start();
    this.#timers.push(
      setInterval(() => this.#expire(), expiryMs),
      setInterval(() => this.#watch(), Math.max(10, config.workerStuckMs / 4)),
    );
    await serving;
    this.#accepting = true;
  }

  /** Refuses new commands from now on; what was accepted is still done by `stop`. */
  drain(): void {
    this.#accepting = false;
  }

  /** Resolves once everything accepted so far is answered. */
  async drained(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.drained()));
  }

  async stop(): Promise<void> {
    this.#accepting = false;
    if (this.#pool === null) return;
    await this.drained();
    await Promise.all(this.#hosts.map((host) => host.stop()));
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    const pool = this.#pool;
    this.#pool = null;
    await pool.destroy();
  }

  /** Metrics of every worker that answers within the time. */
  async collect(timeoutMs: number): Promise<unknown[]> {
    const all = await Promise.all(this.#hosts.map((host) => host.collect(timeoutMs)));
    return all.filter((metrics) => metrics !== null);
  }

  #createHost(pool: Piscina, worker: number): WorkerHost {
    const { config, connection, node, log, onWorkerRestart } = this.#options;
    const shards = this.#shardsOf(worker);
    const plans: ShardPlan[] = shards.map(({ shard }) => ({
      shard,
      partitions: partitionsOf(shard, this.#lanes.length, config.partitions),
    }));
    return new WorkerHost({
      pool,
      worker,
      task: {
        node,
        shards: plans,
        connection,
        logLevel: config.logLevel,
        logPretty: wantsPretty(config),
        limits: actorLimits(config),
        settings: {
          partitions: config.partitions,
          recentMessages: config.roomRecentMessages,
          idleTtlMs: config.roomIdleTtlMs,
          maxResidentRooms: Math.max(1, Math.floor(config.maxResidentRooms / this.#lanes.length)),
          frameDeadlineMs: config.frameDeadlineMs,
          replyDeadlineMs: config.replyDeadlineMs,
        },
      },
      stuckMs: config.workerStuckMs,
      onMessage: (message, post) => this.#onMessage(message, post),
      onDeath: () => {
        for (const lane of shards) lane.close();
      },
      mayRestart: () => {
        onWorkerRestart();
        return this.#intensity.note(Date.now());
      },
      onGiveUp: () => this.#giveUp('workers die faster than WORKER_RESTARTS allows'),
      log,
    });
  }

  #onMessage(message: FromHost, post: (message: ToHost) => void): void {
    if (message.type === 'frame') return this.#onFrame(message);
    if (message.type !== 'ready' && message.type !== 'suspended') return;
    const lane = this.#lanes[message.shard];
    if (lane === undefined) return;
    if (message.type === 'suspended') lane.suspend(true);
    else if (lane.attached) lane.suspend(false);
    else lane.open(post, this.#announcements(lane));
    if (this.serving) this.#onServing?.();
  }

  #onFrame(reply: FrameReply): void {
    const lane = this.#lanes[reply.shard];
    if (lane === undefined) return;
    lane.settle(reply);
    if (this.#edge === null) return;
    this.#edge.onBursts(reply.bursts);
    if (reply.evicted.length > 0)
      lane.announce(
        reply.evicted.map((key) => this.#edge?.announce(key) ?? null).filter((command) => command !== null),
      );
  }

  #announcements(lane: Lane): AnnounceCommand[] {
    const commands: AnnounceCommand[] = [];
    if (this.#edge === null) return commands;
    for (const key of this.#edge.occupiedRooms()) {
      if (this.#laneOf(key) !== lane) continue;
      const command = this.#edge.announce(key);
      if (command !== null) commands.push(command);
    }
    return commands;
  }

  #shardsOf(worker: number): Lane[] {
    // Neighbouring shards go to different workers, so that any number of busy partitions spreads evenly.
    return this.#lanes.filter((lane) => lane.shard % this.#options.config.workerThreads === worker);
  }

  #laneOf(key: string): Lane {
    const lane = this.#lanes[shardOf(partitionOf(key, this.#options.config.partitions), this.#lanes.length)];
    if (lane === undefined) throw new Error('placement: no such shard');
    return lane;
  }

  #expire(): void {
    const now = Date.now();
    for (const lane of this.#lanes) lane.expire(now);
  }

  #watch(): void {
    for (const host of this.#hosts) host.watch();
  }

  #giveUp(reason: string): void {
    this.#accepting = false;
    this.#options.onGiveUp(reason);
  }
}

function actorLimits(config: Config): ActorLimits {
  return {
    recentMessages: config.roomRecentMessages,
    recentBytes: config.roomRecentBytes,
    typingTtlMs: config.typingTtlMs,
    typingQuietMs: typingQuietMs,
    typingUsers: typingUsers,
    marksKept: marksKept,
    catchUpMessages: config.catchUpMessages,
  };
}

/** Repeated typing within this time is not told again. */
const typingQuietMs = 2_000;
const typingUsers = 1_000;
const marksKept = 1_000;
