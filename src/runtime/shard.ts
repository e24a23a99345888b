/**
 * One ordering lane inside a worker: frames, ticks, heartbeats and evictions happen strictly one after the other, on
 * one connection; so do taking and freeing partitions. The main thread sends frames in order, at most one ahead of the one at work.
 */
import type { ForgetCommand, TickCommand } from '../actors/protocol/commands.js';
import { reject } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Behaviour } from './behaviour.js';
import { Committer, type CommitterMetrics } from './committer.js';
import type { CommandFrame, FrameReply } from './frames.js';
import type { ShardPlan, ShardSettings } from './host-protocol.js';
import { Ownership, ShardStopped } from './ownership.js';
import { partitionOf } from './placement.js';
import { Residents } from './residents.js';
import { StoreError, usualIdleSessionMs, type Fence, type Writer } from './store/port.js';

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
  readonly onServing: (serving: boolean) => void;
  readonly onHeld: (held: readonly Fence[]) => void;
  readonly newId: () => string;
  /** As in `ResidentsOptions`. */
  readonly onEvicted?: (state: State) => void;
  readonly metrics: ShardMetrics;
  readonly log: Log;
}

/** Well below the session's idle time-out, after which Postgres gives the partitions away. */
const heartbeatMs = 2_000;
/** How soon partitions that are wanted, but were not free, are tried again. */
const claimAgainMs = 200;
/** Rooms of one frame in which the sockets of dead nodes are forgotten. */
const forgetSlice = 256;
/** A timer cannot be longer; a later deadline is looked at again then. */
const longestTimerMs = 60_000;

export class Shard<State, Reply> {
  readonly #options: ShardOptions<State, Reply>;
  readonly #residents: Residents<State, Reply>;
  readonly #ownership: Ownership;
  readonly #committer: Committer<State, Reply>;
  /** The lane: everything is chained to its end. At most one of each kind waits in it: a frame, a tick, a sweep, … */
  #tail: Promise<void> = Promise.resolve();
  #stopped = false;
  #timers: NodeJS.Timeout[] = [];
  #tick: { readonly at: number; readonly timer: NodeJS.Timeout } | null = null;
  readonly #deadlines = new Map<string, number>();
  #settling = false;
  #claimAgain: NodeJS.Timeout | null = null;

  constructor(options: ShardOptions<State, Reply>) {
    const { plan, settings, behaviour, writer, onServing, onHeld, metrics, log } = options;
    this.#options = options;
    const place = (key: string): number => partitionOf(key, settings.partitions);
    this.#residents = new Residents(behaviour, {
      max: settings.maxResidentRooms,
      idleTtlMs: settings.idleTtlMs,
      partitionOf: place,
      read: (keys) => writer.snapshots(keys, settings.recentMessages),
      ...(options.onEvicted === undefined ? {} : { onEvicted: options.onEvicted }),
    });
    this.#ownership = new Ownership({
      writer,
      partitions: plan.partitions,
      alone: settings.alone,
      onServing,
      onHeld,
      onLost: () => {
        this.#residents.invalidateAll();
        this.#settleOwnership();
      },
      onGone: (partitions) => this.#residents.drop(partitions),
      log,
    });
    writer.onLost(() => void this.#enqueue(() => this.#heartbeat(true)));
    this.#committer = new Committer({
      behaviour,
      residents: this.#residents,
      ownership: this.#ownership,
      partitionOf: place,
      replyDeadlineMs: settings.replyDeadlineMs,
      outbox: settings.outbox,
      metrics,
      log,
    });
  }

  /** Resolves once it takes frames. */
  async start(): Promise<void> {
    const { idleTtlMs } = this.#options.settings;
    await this.#enqueue(() => this.#ownership.ensure());
    if (this.#stopped) return;
    this.#settleOwnership();
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

  /** Only of a shard that is not alone. */
  want(partitions: readonly number[]): void {
    this.#ownership.want(new Set(partitions));
    this.#settleOwnership();
  }

  /** The sockets of dead nodes leave the rooms in memory; the rooms that are not in memory have forgotten them already. */
  forget(nodes: readonly string[]): void {
    void this.#enqueue(() => {
      const keys = this.#residents.keysWhere((state) => this.#options.behaviour.hosts(state, nodes));
      return this.#forget(keys, nodes);
    });
  }

  /** Finishes what is in the lane, then frees the partitions. Does not wait for a store that is away. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#tick?.timer);
    clearTimeout(this.#claimAgain ?? undefined);
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
      return { type: 'frame', shard, number: frame.number, outcomes, bursts: [] } as const;
    });
    this.#options.post(reply);
  }

  async #commit(frame: Omit<CommandFrame, 'type' | 'shard'>): Promise<FrameReply> {
    const { shard } = this.#options.plan;
    await this.#prove();
    const { outcomes, bursts } = await this.#committer.commit(frame.commands, frame.resent);
    this.#residents.evictSurplus();
    this.#report();
    this.#watch(frame.commands.map((command) => command.key));
    return { type: 'frame', shard, number: frame.number, outcomes, bursts };
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

  async #forget(keys: readonly string[], nodes: readonly string[]): Promise<void> {
    const { newId, post } = this.#options;
    // No frame comes in between: a node that is back would announce its sockets in one, and a later slice would forget them.
    for (let from = 0; from < keys.length && !this.#stopped; from += forgetSlice) {
      const commands = keys
        .slice(from, from + forgetSlice)
        .map((key): ForgetCommand => ({ kind: 'forget', id: newId(), key, nodes }));
      post(await this.#commit({ number: 0, resent: false, commands }));
    }
  }

  #settleOwnership(): void {
    if (this.#settling || this.#stopped || this.#options.settings.alone) return;
    this.#settling = true;
    void this.#enqueue(async () => {
      this.#settling = false;
      if (this.#stopped || (await this.#ownership.settle())) return;
      clearTimeout(this.#claimAgain ?? undefined);
      this.#claimAgain = setTimeout(() => this.#settleOwnership(), claimAgainMs);
    });
  }

  #sweep(): Promise<void> {
    this.#residents.evictIdle(Date.now());
    this.#report();
    return Promise.resolve();
  }

  /** How long ago it is that the partitions were certainly ours, in ms. */
  #provenFor(): number {
    return performance.now() - this.#ownership.writer.provenAt;
  }

  /**
   * Memory speaks of rooms (joins, pages) without asking the store, so nothing is decided on it once the database might have
   * given the partitions to another node: that of a process which was frozen could hold what was deleted elsewhere since.
   */
  async #prove(): Promise<void> {
    const { idleSessionMs = usualIdleSessionMs } = this.#options.settings;
    if (this.#provenFor() > idleSessionMs / 2) await this.#beat();
  }

  /** @param now even if there was talk lately: the session is said to be gone */
  async #heartbeat(now = false): Promise<void> {
    if (!this.#stopped && (now || this.#provenFor() >= heartbeatMs / 2)) await this.#beat();
  }

  async #beat(): Promise<void> {
    try {
      await this.#ownership.ensure();
      await this.#ownership.writer.heartbeat();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.warn({ failure: error.failure, err: error }, 'the heartbeat failed');
      if (error.failure === 'transient' || error.failure === 'slow') return;
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
