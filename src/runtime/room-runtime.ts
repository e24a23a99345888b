/** The rooms of this node's own workers: lanes take the commands, supervised hosts run the actors, replies come back in order. */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { AnnounceCommand, Command } from '../actors/protocol/commands.js';
import { reject } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { LocalRooms } from './cluster/port.js';
import type { Burst, FrameReply, LaneReply } from './frames.js';
import type { FromHost, ShardPlan, ToHost } from './host-protocol.js';
import { hostTask, type HostTaskOptions } from './host-task.js';
import { Lane } from './lane.js';
import { packFrame, unpackReply } from './packing.js';
import { partitionOf, partitionsOf, shardOf } from './placement.js';
import { RestartIntensity } from './restart-intensity.js';
import type { EdgeListener } from './rooms.js';
import { WorkerHost } from './worker-host.js';

export interface RoomRuntimeOptions extends HostTaskOptions {
  readonly log: Log;
  readonly onWorkerRestart: () => void;
  /** Restarting does not help any more: the process should end loudly. */
  readonly onGiveUp: (reason: string) => void;
}

const restartWindowMs = 60_000;
const expiryMs = 250;

/** The part of an edge that actors which lost their memory ask. */
type Announcer = Pick<EdgeListener, 'announce' | 'occupiedRooms'>;

export class RoomRuntime implements LocalRooms {
  readonly name = 'rooms';
  readonly #options: RoomRuntimeOptions;
  readonly #lanes: readonly Lane[];
  readonly #intensity: RestartIntensity;
  #hosts: WorkerHost[] = [];
  #pool: Piscina | null = null;
  #announcer: Announcer | null = null;
  #running = false;
  #stopped = false;
  #wanted: ReadonlySet<number>;
  readonly #held = new Map<number, number>();
  readonly #heldListeners: ((partition: number, epoch: number | null) => void)[] = [];
  readonly #frameListeners: ((bursts: readonly Burst[]) => void)[] = [];
  #timers: NodeJS.Timeout[] = [];
  #onServing: (() => void) | null = null;

  constructor(options: RoomRuntimeOptions) {
    const { config, alone, log } = options;
    this.#options = options;
    this.#wanted = new Set(alone ? Array.from({ length: config.partitions }, (_, partition) => partition) : []);
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

  /** Between the start and the stop, unless workers cannot be kept alive. */
  get running(): boolean {
    return this.#running;
  }

  get held(): ReadonlyMap<number, number> {
    return this.#held;
  }

  /** Whether every shard takes frames; a lone one then holds all of its partitions. */
  get serving(): boolean {
    return this.#lanes.every((lane) => lane.serving);
  }

  /** Commands waiting, by shard. */
  depths(): readonly number[] {
    return this.#lanes.map((lane) => lane.depth);
  }

  offer(command: Command, resent: boolean, replyTo: LaneReply): void {
    if (this.#stopped) replyTo({ ok: false, rejection: reject('DRAINING') }, 0);
    else this.#laneOf(command.key).offer(command, replyTo, resent);
  }

  /** Only of a node that is not alone. Wanting the same again tries again to claim what is not held yet. */
  want(partitions: ReadonlySet<number>): void {
    const before = this.#wanted;
    this.#wanted = partitions;
    for (const { shard } of this.#lanes) {
      const own = this.#partitionsOf(shard);
      const changed = own.some((partition) => before.has(partition) !== partitions.has(partition));
      const wanted = own.filter((partition) => partitions.has(partition));
      if (changed || wanted.some((partition) => !this.#held.has(partition)))
        this.#hostOf(shard)?.post({ type: 'want', shard, partitions: wanted });
    }
  }

  gone(nodes: readonly string[]): void {
    for (const host of this.#hosts) host.post({ type: 'gone', nodes });
  }

  onHeld(listener: (partition: number, epoch: number | null) => void): void {
    this.#heldListeners.push(listener);
  }

  onFrame(listener: (bursts: readonly Burst[]) => void): void {
    this.#frameListeners.push(listener);
  }

  /** Rooms that lost their memory hear of this edge's sockets before anything else. */
  announceFrom(announcer: Announcer): void {
    this.#announcer = announcer;
  }

  /** Resolves once every shard takes frames. */
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
      setInterval(() => this.#watch(), Math.max(10, config.workerStuckMs / 8)),
    );
    await serving;
    this.#running = true;
  }

  /** Resolves once everything accepted so far is answered. */
  async drained(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.drained()));
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopped = true;
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
    const { config, log, onWorkerRestart } = this.#options;
    const shards = this.#shardsOf(worker);
    return new WorkerHost({
      pool,
      worker,
      task: () => hostTask(this.#options, this.#plan(shards)),
      stuckMs: config.workerStuckMs,
      onMessage: (message, post) => this.#onMessage(message, post),
      onDeath: () => {
        for (const lane of shards) {
          lane.close();
          this.#hold(lane.shard, []);
        }
      },
      mayRestart: () => {
        onWorkerRestart();
        return this.#intensity.note(performance.now());
      },
      onGiveUp: () => this.#giveUp('workers die faster than WORKER_RESTARTS allows'),
      log,
    });
  }

  #plan(lanes: readonly Lane[]): ShardPlan[] {
    return lanes.map(({ shard }) => ({
      shard,
      partitions: this.#partitionsOf(shard).filter((partition) => this.#wanted.has(partition)),
    }));
  }

  #onMessage(message: FromHost, post: (message: ToHost) => void): void {
    if (message.type === 'frame') return this.#onFrame(unpackReply(message));
    if (message.type === 'held') return this.#hold(message.shard, message.held);
    if (message.type !== 'ready' && message.type !== 'suspended') return;
    const lane = this.#lanes[message.shard];
    if (lane === undefined) return;
    if (message.type === 'suspended') lane.suspend(true);
    else if (lane.attached) lane.suspend(false);
    else lane.open((frame) => post(packFrame(frame)), this.#announcements(lane));
    if (this.serving) this.#onServing?.();
  }

  #onFrame(reply: FrameReply): void {
    const lane = this.#lanes[reply.shard];
    if (lane === undefined) return;
    lane.settle(reply);
    for (const listener of this.#frameListeners) listener(reply.bursts);
  }

  /** Takes over what a shard says that it holds, and tells what changed. */
  #hold(shard: number, held: readonly (readonly [partition: number, epoch: number])[]): void {
    const now = new Map(held);
    for (const partition of this.#partitionsOf(shard)) {
      const epoch = now.get(partition) ?? null;
      if (epoch === (this.#held.get(partition) ?? null)) continue;
      if (epoch === null) this.#held.delete(partition);
      else this.#held.set(partition, epoch);
      for (const listener of this.#heldListeners) listener(partition, epoch);
    }
  }

  #announcements(lane: Lane): AnnounceCommand[] {
    const commands: AnnounceCommand[] = [];
    const announcer = this.#announcer;
    if (announcer === null) return commands;
    for (const key of announcer.occupiedRooms()) {
      if (this.#laneOf(key) !== lane) continue;
      const command = announcer.announce(key);
      if (command !== null) commands.push(command);
    }
    return commands;
  }

  /** Neighbouring shards go to different workers, so that any number of busy partitions spreads evenly. */
  #workerOf(shard: number): number {
    return shard % this.#options.config.workerThreads;
  }

  #shardsOf(worker: number): Lane[] {
    return this.#lanes.filter((lane) => this.#workerOf(lane.shard) === worker);
  }

  #hostOf(shard: number): WorkerHost | undefined {
    return this.#hosts[this.#workerOf(shard)];
  }

  #partitionsOf(shard: number): readonly number[] {
    return partitionsOf(shard, this.#lanes.length, this.#options.config.partitions);
  }

  #laneOf(key: string): Lane {
    const lane = this.#lanes[shardOf(partitionOf(key, this.#options.config.partitions), this.#lanes.length)];
    if (lane === undefined) throw new Error('placement: no such shard');
    return lane;
  }

  #expire(): void {
    const now = performance.now();
    for (const lane of this.#lanes) lane.expire(now);
  }

  #watch(): void {
    for (const host of this.#hosts) host.watch();
  }

  #giveUp(reason: string): void {
    this.#running = false;
    this.#options.onGiveUp(reason);
  }
}
