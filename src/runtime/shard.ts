/**
 * One ordering lane inside a worker: frames, ticks, heartbeats and evictions happen strictly one after the other, on
 * one connection. The main thread sends a next frame only after the last one came back.
 */
import type { TickCommand } from '../actors/protocol/commands.js';
import { reject } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Behaviour } from './behaviour.js';
import { Committer, type CommitterMetrics } from './committer.js';
import type { CommandFrame, FrameReply } from './frames.js';
import type { ShardPlan, ShardSettings } from './host-protocol.js';
import { Ownership, ShardStopped } from './ownership.js';
import { partitionOf } from './placement.js';
import { Residents } from './residents.js';
import { StoreError, type Writer } from './store/port.js';

export interface ShardMetrics extends CommitterMetrics {
  resident(shard: number, rooms: number): void;
  activated(rooms: number): void;
  evicted(rooms: number): void;
}

interface ShardOptions<State, Reply> {
  readonly plan: ShardPlan;
  readonly settings: ShardSettings;
  readonly behaviour: Behaviour<State, Reply>;
  readonly writer: Writer;
  readonly post: (reply: FrameReply) => void;
  readonly onOwnership: (held: boolean) => void;
  readonly newId: () => string;
  readonly metrics: ShardMetrics;
  readonly log: Log;
}

/** Well below the session's idle time-out, after which Postgres gives the partitions away. */
const heartbeatMs = 2_000;
/** A timer cannot be longer; a later deadline is looked at again then. */
const longestTimerMs = 60_000;

export class Shard<State, Reply> {
  readonly #options: ShardOptions<State, Reply>;
  readonly #residents: Residents<State, Reply>;
  readonly #ownership: Ownership;
  readonly #committer: Committer<State, Reply>;
  /** The lane: everything is chained to its end. At most a frame, a tick, a sweep and a heartbeat wait in it. */
  #tail: Promise<void> = Promise.resolve();
  #stopped = false;
  #lastTalk = 0;
  #timers: NodeJS.Timeout[] = [];
  #tick: { readonly at: number; readonly timer: NodeJS.Timeout } | null = null;
  readonly #deadlines = new Map<string, number>();

  constructor(options: ShardOptions<State, Reply>) {
    const { plan, settings, behaviour, writer, onOwnership, metrics, log } = options;
    this.#options = options;
    this.#residents = new Residents(behaviour, {
      max: settings.maxResidentRooms,
      idleTtlMs: settings.idleTtlMs,
      partitionOf: (key) => partitionOf(key, settings.partitions),
      read: (keys) => writer.snapshots(keys, settings.recentMessages),
    });
    this.#ownership = new Ownership({ writer, partitions: plan.partitions, onChange: onOwnership, log });
    this.#committer = new Committer({
      behaviour,
      residents: this.#residents,
      ownership: this.#ownership,
      replyDeadlineMs: settings.replyDeadlineMs,
      metrics,
      log,
    });
  }

  /** Resolves once the partitions are held. */
  async start(): Promise<void> {
    const { idleTtlMs } = this.#options.settings;
    await this.#ownership.ensure();
    this.#lastTalk = Date.now();
    this.#report();
    const sweepMs = Math.min(5_000, Math.max(10, idleTtlMs / 4));
    this.#timers.push(
      setInterval(() => void this.#enqueue(() => this.#sweep()), sweepMs),
      setInterval(() => void this.#enqueue(() => this.#heartbeat()), heartbeatMs),
    );
  }

  accept(frame: CommandFrame): void {
    void this.#enqueue(() => this.#run(frame));
  }

  /** Finishes what is in the lane, then frees the partitions. Does not wait for a store that is away. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#tick?.timer);
    this.#ownership.stopWaiting();
    await this.#tail;
    await this.#ownership.release();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      if (error instanceof ShardStopped) return;
      // Not a fault of the store, which the committer handles: a bug. The supervisor replaces the whole worker.
      this.#options.log.fatal({ shard: this.#options.plan.shard, err: error }, 'the shard failed');
      setImmediate(() => {
        throw error;
      });
    });
    return this.#tail;
  }

  async #run(frame: CommandFrame): Promise<void> {
    const { shard } = this.#options.plan;
    const reply = await this.#commit(frame).catch((error: unknown) => {
      if (!(error instanceof ShardStopped)) throw error;
      const outcomes = frame.commands.map(() => ({ ok: false, rejection: reject('DRAINING') }) as const);
      return { type: 'frame', shard, number: frame.number, outcomes, bursts: [], evicted: [] } as const;
    });
    this.#options.post(reply);
  }

  async #commit(frame: Omit<CommandFrame, 'type' | 'shard'>): Promise<FrameReply> {
    const { shard } = this.#options.plan;
    const { outcomes, bursts } = await this.#committer.commit(frame.commands, frame.resent);
    this.#lastTalk = Date.now();
    const evicted = this.#residents.evictSurplus();
    this.#report();
    this.#watch(frame.commands.map((command) => command.key));
    return { type: 'frame', shard, number: frame.number, outcomes, bursts, evicted };
  }

  /** Notes which of the rooms want a tick, and when. A timer that turns out too early only looks again. */
  #watch(keys: readonly string[]): void {
    const { behaviour } = this.#options;
    for (const key of keys) {
      const state = this.#residents.peek(key);
      const deadline = state === null ? null : behaviour.deadline(state);
      if (deadline === null) this.#deadlines.delete(key);
      else {
        this.#deadlines.set(key, deadline);
        this.#tickAt(deadline);
      }
    }
  }

  #tickAt(deadline: number): void {
    if (this.#stopped || (this.#tick !== null && this.#tick.at <= deadline)) return;
    clearTimeout(this.#tick?.timer);
    const wait = Math.min(longestTimerMs, Math.max(1, deadline - Date.now()));
    this.#tick = { at: deadline, timer: setTimeout(() => void this.#enqueue(() => this.#runTicks()), wait) };
  }

  async #runTicks(): Promise<void> {
    this.#tick = null;
    const now = Date.now();
    const commands: TickCommand[] = [];
    for (const [key, deadline] of this.#deadlines)
      if (deadline <= now) commands.push({ kind: 'tick', id: this.#options.newId(), key });
    if (commands.length > 0) this.#options.post(await this.#commit({ number: 0, resent: false, commands }));
    let earliest = Infinity;
    for (const deadline of this.#deadlines.values()) if (deadline < earliest) earliest = deadline;
    if (earliest !== Infinity) this.#tickAt(earliest);
  }

  #sweep(): Promise<void> {
    this.#residents.evictIdle(Date.now());
    this.#report();
    return Promise.resolve();
  }

  async #heartbeat(): Promise<void> {
    if (this.#stopped || Date.now() - this.#lastTalk < heartbeatMs / 2) return;
    try {
      await this.#ownership.ensure();
      await this.#ownership.writer.heartbeat();
      this.#lastTalk = Date.now();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.warn({ failure: error.failure, err: error }, 'the heartbeat failed');
      if (error.failure === 'transient') return;
      this.#residents.invalidateAll();
      this.#ownership.lose();
      await this.#ownership.ensure();
    }
  }

  #report(): void {
    const { metrics, plan } = this.#options;
    metrics.resident(plan.shard, this.#residents.size);
    metrics.activated(this.#residents.activations);
    metrics.evicted(this.#residents.evictions);
    this.#residents.activations = 0;
    this.#residents.evictions = 0;
  }
}
