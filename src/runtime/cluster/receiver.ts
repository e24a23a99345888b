/**
 * The receiving edge of the room streams: it stands before the edge that has the sockets, and passes on only what follows what
 * these have seen. Bursts of this node's own rooms take the same way, since a room may have moved here with its last bursts
 * missed.
 *
 * - A burst that was delivered already is dropped, event by event.
 * - A burst of a former owner (a lower epoch than was seen of the partition) tells no more than where its rooms stand.
 * - A burst that does not follow, or a head that is ahead, is a hole: the room's bursts wait while what is missing is read
 *   from the store and delivered; then they follow.
 *
 * A room without sockets here costs one look-up per burst; nothing is kept for a room that is not being repaired.
 *
 * Bounds: what waits for a repair is limited (`backlog.ts`); over it the waiting bursts are dropped and read from the store too. A store that does not answer is asked again until it does.
 */
import type { AnnounceCommand } from '../../actors/protocol/commands.js';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Log } from '../../observe/log.js';
import type { Burst } from '../frames.js';
import { partitionOf } from '../placement.js';
import type { EdgeListener, StreamEdge } from '../rooms.js';
import type { ReadStore } from '../store/port.js';
import { Backlogs, type Backlog } from './backlog.js';
import { Gate } from './gate.js';
import type { StreamMessage } from './port.js';
import { repairedBroadcasts, repairedEvictions } from './repair.js';
import type { StreamMetrics } from './stream-metrics.js';

export interface ReceiverOptions {
  readonly edge: StreamEdge;
  readonly reads: Pick<ReadStore, 'changes' | 'heads'>;
  readonly partitions: number;
  /** Most changed messages that are told one by one; more are announced by resync_required. */
  readonly catchUpMessages: number;
  readonly metrics: StreamMetrics;
  readonly log: Log;
  /** Resolves after so many milliseconds. Defaults to a timer. */
  readonly pause?: (ms: number) => Promise<void>;
}

/** Reads at once, so that the edges' own reads are not starved. */
const readsAtOnce = 4;
const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** Rooms asked for in one statement. */
const headsAtOnce = 500;
/** A store that does not have what a burst follows is asked so often; then the hole is announced. */
const patience = 5;

interface Repair {
  /** What came meanwhile. */
  readonly waiting: Backlog;
  /** Bursts were dropped, or a head was seen: the store is to be read once more. */
  again: boolean;
}

export class Receiver implements EdgeListener {
  readonly #options: ReceiverOptions;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #epochs: number[];
  /** Rooms being repaired; at most those with sockets here. */
  readonly #repairs = new Map<RoomKey, Repair>();
  readonly #gate = new Gate(readsAtOnce);
  readonly #backlogs = new Backlogs();
  #failing = false;
  #stopped = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#pause = options.pause ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()));
    this.#epochs = new Array<number>(options.partitions).fill(0);
    options.edge.onBehind((key) => this.#repair(key));
  }

  /** Rooms that are being repaired. */
  get repairing(): number {
    return this.#repairs.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#repairs.clear();
  }

  /** Bursts of this node's own rooms. */
  onBursts(bursts: readonly Burst[]): void {
    this.#options.edge.onBursts(this.#passing(bursts));
  }

  announce(key: RoomKey): AnnounceCommand | null {
    return this.#options.edge.announce(key);
  }

  occupiedRooms(): Iterable<RoomKey> {
    return this.#options.edge.occupiedRooms();
  }

  /** A message of another node's stream. */
  onMessage({ partition, epoch, bursts, heads }: StreamMessage): void {
    const former = epoch < (this.#epochs[partition] ?? 0);
    this.onEpoch(partition, epoch);
    if (former) {
      this.#options.metrics.formerOwner += bursts.length;
      // True all the same, since committed; but the present owner's bursts may have been delivered before.
      this.onHeads(bursts.map(({ key, to }) => [key, to] as const));
    } else this.onRemote(bursts);
    this.onHeads(heads);
  }

  /** The epoch of a partition is at least this. */
  onEpoch(partition: number, epoch: number): void {
    if (epoch > (this.#epochs[partition] ?? 0)) this.#epochs[partition] = epoch;
  }

  /** Bursts from other nodes, whatever carried them. */
  onRemote(bursts: readonly Burst[]): void {
    if (bursts.length === 0) return;
    const passing = this.#passing(bursts);
    if (passing.length > 0) this.#options.edge.onBursts(passing);
  }

  /** Where rooms stand at least. */
  onHeads(heads: Iterable<readonly [key: RoomKey, version: number]>): void {
    for (const [key, version] of heads) {
      const standing = this.#options.edge.standing(key);
      if (standing !== null && standing.version < version) this.#repair(key);
    }
  }

  /**
   * Compares the rooms with the store, and repairs those that are behind. Never rejects.
   * @param graceMs how long a change that the store has may be on its way here
   * @returns whether the store answered
   */
  async check(keys: Iterable<RoomKey>, graceMs: number): Promise<boolean> {
    const rest = [...keys];
    while (rest.length > 0 && !this.#stopped) {
      const batch = rest.splice(0, headsAtOnce);
      let heads: ReadonlyMap<RoomKey, number>;
      try {
        heads = await this.#gate.run(() => this.#options.reads.heads(batch));
      } catch (error) {
        this.#fail(error);
        return false;
      }
      this.#failing = false;
      const ahead = [...heads].filter(([key, version]) => this.#isBehind(key, version));
      if (ahead.length === 0) continue;
      if (graceMs > 0) await this.#pause(graceMs);
      if (!this.#stopped) this.onHeads(ahead);
    }
    return true;
  }

  #isBehind(key: RoomKey, version: number): boolean {
    const standing = this.#options.edge.standing(key);
    return standing !== null && standing.version < version;
  }

  /** The bursts that may be delivered now; the others wait for their room's repair. */
  #passing(bursts: readonly Burst[]): readonly Burst[] {
    let passing: Burst[] | null = null;
    for (const [index, burst] of bursts.entries()) {
      if (this.#passes(burst)) passing?.push(burst);
      else passing ??= bursts.slice(0, index);
    }
    return passing ?? bursts;
  }

  #passes(burst: Burst): boolean {
    let repair = this.#repairs.get(burst.key);
    if (repair === undefined && !this.#opensHole(burst)) return true;
    const { waiting } = (repair ??= this.#repair(burst.key));
    if (!waiting.add(burst)) repair.again = true;
    return false;
  }

  #opensHole({ key, events }: Burst): boolean {
    const standing = this.#options.edge.standing(key);
    if (standing === null) return false;
    let { version } = standing;
    for (const event of events) {
      if (event.version === null || event.version <= version) continue;
      if (event.version > version + 1) return true;
      version = event.version;
    }
    return false;
  }

  /** Begins a repair, or has the one under way look once more. */
  #repair(key: RoomKey): Repair {
    const running = this.#repairs.get(key);
    if (running !== undefined) {
      running.again = true;
      return running;
    }
    const repair: Repair = { waiting: this.#backlogs.create(), again: false };
    this.#repairs.set(key, repair);
    this.#options.metrics.holes += 1;
    this.#run(key, repair)
      .catch((error: unknown) => {
        // Only a bug gets here: the room goes on, and its next burst opens the hole again.
        this.#options.log.error(
          { err: error, partition: partitionOf(key, this.#options.partitions) },
          'a repair threw',
        );
      })
      .finally(() => this.#end(key, repair));
    return repair;
  }

  /** Together with the decision that nothing is missing: what comes a moment later begins a new repair. */
  #end(key: RoomKey, repair: Repair): void {
    repair.waiting.clear();
    if (this.#repairs.get(key) === repair) this.#repairs.delete(key);
  }

  async #run(key: RoomKey, repair: Repair): Promise<void> {
    const { edge } = this.#options;
    for (let attempts = 0, failures = 0; !this.#stopped;) {
      repair.again = false;
      const read = await this.#gate.run(() => this.#read(key)).catch((error: unknown) => this.#fail(error));
      if (this.#stopped) return;
      if (read === undefined) {
        // Nobody was here when it was looked; somebody may be since.
        if (edge.standing(key) === null) return this.#end(key, repair);
        continue;
      }
      if (read === false) {
        failures += 1;
        await this.#pause(Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10)));
        continue;
      }
      failures = 0;
      this.#failing = false;
      const follows = repair.waiting.drain((burst) => this.#follows(burst));
      if (follows && !repair.again) return this.#end(key, repair);
      attempts += 1;
      if (follows) continue;
      if (attempts >= patience) {
        // The store does not have what an owner said was committed. The edge announces the hole.
        repair.waiting.drain((burst) => {
          edge.onBursts([burst]);
          return true;
        });
        return this.#end(key, repair);
      }
      await this.#pause(firstPauseMs);
    }
  }

  /** Reads what is missing and delivers it. Undefined: nobody of this edge is in the room any more. */
  async #read(key: RoomKey): Promise<true | undefined> {
    const { edge, reads, catchUpMessages, metrics, log } = this.#options;
    for (;;) {
      const from = edge.standing(key);
      if (from === null) return undefined;
      const { lastSeq, lastVersion, messages, removals } = await reads.changes(key, from.version, catchUpMessages);
      const now = edge.standing(key);
      if (now === null || this.#stopped) return undefined;
      // Somebody joined even further behind meanwhile.
      if (now.version < from.version) continue;
      if (lastVersion <= now.version) return true;
      metrics.repairs += 1;
      if (messages === null) metrics.resyncs += 1;
      log.info(
        { partition: partitionOf(key, this.#options.partitions), from: from.version, to: lastVersion },
        'hole filled',
      );
      edge.onRepaired({
        key,
        events: messages === null ? null : repairedBroadcasts(key, from, messages, removals),
        ...(messages === null && removals.length > 0 ? { evictions: repairedEvictions(key, removals) } : {}),
        to: { version: lastVersion, seq: lastSeq },
      });
      return true;
    }
  }

  /** Delivers a burst that waited, unless there is another hole before it. */
  #follows(burst: Burst): boolean {
    if (this.#opensHole(burst)) return false;
    this.#options.edge.onBursts([burst]);
    return true;
  }

  /** Said once per outage. */
  #fail(error: unknown): false {
    this.#options.metrics.readFailures += 1;
    if (!this.#failing)
      this.#options.log.warn(
        { err: error instanceof Error ? error.message : String(error) },
        'holes cannot be filled now',
      );
    this.#failing = true;
    return false;
  }
}
