/**
 * The room streams on the shared Redis connections: one channel per partition. What is committed here is published for the
 * edges of other nodes; what they commit is read for the rooms that have sockets here, and given to the receiver.
 *
 * Redis may lose anything. So where rooms stand is told again every second for those that changed in the last seconds, kept
 * while Redis is away and told on its return; whoever had no Redis asks the store; and all rooms are compared with the store
 * every now and then, whatever was heard.
 */
import { isDirect, type RoomKey } from '../../actors/protocol/ids.js';
import type { Log } from '../../observe/log.js';
import { partitionOf } from '../placement.js';
import { RecentHeads } from './heads.js';
import type { ClusterView, LocalRooms, Membership, NodeId, RoomStream, StreamBurst } from './port.js';
import type { Receiver } from './receiver.js';
import { decodeStream, encodeStream, openingOf } from './stream-codec.js';
import type { StreamMetrics } from './stream-metrics.js';
import type { RedisLinks } from './transport/redis.js';

export interface RoomStreamOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly links: Pick<RedisLinks, 'up' | 'publish' | 'subscribe' | 'unsubscribe' | 'onReady' | 'prefix'>;
  readonly membership: Pick<Membership, 'view' | 'onChange'>;
  readonly local: Pick<LocalRooms, 'held' | 'onHeld'>;
  readonly receiver: Receiver;
  readonly metrics: StreamMetrics;
  readonly log: Log;
}

const beaconMs = 1_000;
/** A head is told for at least this long after the change. */
const headsKeptMs = 5_000;
/** Between two comparisons with the store, without Redis and with it. */
const pollMs = 2_000;
const slowPollMs = 10_000;
/** How long a change that the store has may be on its way here before it counts as missed. */
const onItsWayMs = 1_000;
/** A partition without sockets here is read for so long: a join may be on its way. */
const idleMs = 60_000;
/** One line per reason in this time. */
const quietMs = 10_000;

interface Subscription {
  readonly ready: Promise<void>;
  usedAt: number;
}

export class RedisRoomStream implements RoomStream {
  readonly name = 'room streams';
  readonly #options: RoomStreamOptions;
  readonly #own: string;
  readonly #heads = new RecentHeads(headsKeptMs);
  /** By partition; at most PARTITIONS. */
  readonly #subscriptions = new Map<number, Subscription>();
  /** By partition: the epoch under which it was last held here. */
  readonly #epochs = new Map<number, number>();
  readonly #refusedAt = new Map<string, number>();
  #owners: ClusterView['owners'] = [];
  #others = false;
  #timers: NodeJS.Timeout[] = [];
  #poll: NodeJS.Timeout | null = null;
  #polledAt = -Infinity;
  #stopped = false;

  constructor(options: RoomStreamOptions) {
    const { links, membership, local, node } = options;
    this.#options = options;
    this.#own = openingOf(node);
    links.onReady(() => this.#onReady());
    membership.onChange((view) => this.#onView(view));
    local.onHeld((partition, epoch) => {
      if (epoch === null) return;
      this.#epochs.set(partition, epoch);
      options.receiver.onEpoch(partition, epoch);
    });
  }

  start(): Promise<void> {
    if (this.#timers.length > 0 || this.#stopped) return Promise.resolve();
    this.#onView(this.#options.membership.view);
    this.#timers.push(
      setInterval(() => this.#beacon(), beaconMs),
      setInterval(() => this.#tidy(), idleMs / 2),
    );
    this.#schedule();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    // What was committed last may have been lost; nobody tells it after us.
    this.#beacon();
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    if (this.#poll !== null) clearTimeout(this.#poll);
    for (const partition of this.#subscriptions.keys()) this.#options.links.unsubscribe(this.#channel(partition));
    this.#subscriptions.clear();
    this.#options.receiver.stop();
    return Promise.resolve();
  }

  publish(bursts: readonly StreamBurst[]): void {
    const { partitions, links } = this.#options;
    if (bursts.length === 0 || this.#stopped) return;
    const now = performance.now();
    const telling = this.#others && links.up;
    const byPartition = new Map<number, StreamBurst[]>();
    for (const burst of bursts) {
      // Those go another way: nobody knows whose sockets are where.
      if (isDirect(burst.key)) continue;
      if (burst.to > burst.from) this.#heads.note(burst.key, burst.to, now);
      if (!telling) continue;
      const partition = partitionOf(burst.key, partitions);
      const group = byPartition.get(partition);
      if (group === undefined) byPartition.set(partition, [burst]);
      else group.push(burst);
    }
    for (const [partition, group] of byPartition) this.#send(partition, group, []);
  }

  async follow(key: RoomKey): Promise<void> {
    const partition = partitionOf(key, this.#options.partitions);
    let subscription = this.#subscriptions.get(partition);
    if (subscription === undefined && !this.#stopped) {
      const ready = this.#options.links.subscribe(this.#channel(partition), (text) => this.#onText(text));
      subscription = { ready, usedAt: 0 };
      this.#subscriptions.set(partition, subscription);
    }
    if (subscription === undefined) return;
    subscription.usedAt = performance.now();
    await subscription.ready.catch(() => undefined);
  }

  /** Partitions whose streams are read. */
  get following(): number {
    return this.#subscriptions.size;
  }

  #channel(partition: number): string {
    return `${this.#options.links.prefix}:stream:${partition}`;
  }

  #send(partition: number, bursts: readonly StreamBurst[], heads: readonly (readonly [RoomKey, number])[]): void {
    const { node, partitions, links, local, metrics } = this.#options;
    // Just given up: what was committed before is still ours to tell, under the epoch it was committed in.
    const epoch = local.held.get(partition) ?? this.#epochs.get(partition);
    if (epoch === undefined) return;
    for (const text of encodeStream({ v: 1, partitions, partition, node, epoch, bursts, heads }))
      if (links.publish(this.#channel(partition), text)) metrics.published += 1;
  }

  #beacon(): void {
    if (!this.#others) this.#heads.age(performance.now());
    if (!this.#others || !this.#options.links.up) return;
    const byPartition = new Map<number, (readonly [RoomKey, number])[]>();
    for (const [key, { version }] of this.#heads.all()) {
      const partition = partitionOf(key, this.#options.partitions);
      const group = byPartition.get(partition);
      if (group === undefined) byPartition.set(partition, [[key, version]]);
      else group.push([key, version]);
    }
    for (const [partition, heads] of byPartition) this.#send(partition, [], heads);
    this.#heads.age(performance.now());
  }

  #onText(text: string): void {
    if (this.#stopped || text.startsWith(this.#own)) return;
    const { partitions, receiver, metrics, log } = this.#options;
    metrics.received += 1;
    const decoded = decodeStream(text, partitions);
    if (decoded.ok) {
      receiver.onMessage(decoded.message);
      return;
    }
    metrics.refused += 1;
    const now = performance.now();
    if (now - (this.#refusedAt.get(decoded.refusal) ?? -Infinity) < quietMs) return;
    this.#refusedAt.set(decoded.refusal, now);
    log.warn({ reason: decoded.refusal, size: text.length }, 'a message of a room stream was refused');
  }

  /** Redis is back: both what others missed of us and what we missed of them is to be made up for. */
  #onReady(): void {
    if (this.#stopped) return;
    this.#beacon();
    void this.#check(this.#elsewhere(), 0);
  }

  #onView(view: ClusterView): void {
    const { node, receiver, partitions } = this.#options;
    this.#others = view.nodes.some(({ id }) => id !== node);
    const changed = new Set<number>();
    view.owners.forEach((owner, partition) => {
      const before = this.#owners[partition] ?? null;
      if (owner === null) return;
      receiver.onEpoch(partition, owner.epoch);
      if (before === null || before.node !== owner.node || before.epoch !== owner.epoch) changed.add(partition);
    });
    // While a partition has no owner its last one is remembered, so that the next is seen as new.
    this.#owners = view.owners.map((owner, partition) => owner ?? this.#owners[partition] ?? null);
    if (changed.size === 0 || this.#stopped) return;
    // The former owner may have died between a commit and telling us: nothing of it can commit any more, so this is complete.
    const keys = [...receiver.occupiedRooms()].filter((key) => changed.has(partitionOf(key, partitions)));
    void this.#check(keys, 0);
  }

  /** Rooms with sockets here that are held by other nodes. */
  #elsewhere(): RoomKey[] {
    const { receiver, partitions, local } = this.#options;
    return [...receiver.occupiedRooms()].filter((key) => !local.held.has(partitionOf(key, partitions)));
  }

  async #check(keys: readonly RoomKey[], graceMs: number): Promise<void> {
    // A store that is away is asked again by the next poll.
    if (!(await this.#options.receiver.check(keys, graceMs))) this.#polledAt = -Infinity;
  }

  #schedule(): void {
    this.#poll = setTimeout(() => {
      const { up } = this.#options.links;
      const due = performance.now() - this.#polledAt >= (up ? slowPollMs : pollMs) - 1;
      if (due) this.#polledAt = performance.now();
      void (due ? this.#check(this.#elsewhere(), up ? onItsWayMs : 0) : Promise.resolve()).then(() => {
        if (!this.#stopped) this.#schedule();
      });
    }, pollMs);
  }

  #tidy(): void {
    const occupied = new Set<number>();
    for (const key of this.#options.receiver.occupiedRooms()) occupied.add(partitionOf(key, this.#options.partitions));
    const now = performance.now();
    for (const [partition, subscription] of this.#subscriptions) {
      if (occupied.has(partition)) subscription.usedAt = now;
      else if (now - subscription.usedAt > idleMs) {
        this.#subscriptions.delete(partition);
        this.#options.links.unsubscribe(this.#channel(partition));
      }
    }
  }
}
