/**
 * The Rooms facade of a node that has others beside it: every partition has a route, and a command takes the one of its
 * room. Edges notice nothing of moves but latency.
 *
 * Bounds: what is parked, per partition and in all; what is on its way to one node (the bus) or one shard (its mailbox).
 */
import type { AnnounceCommand, Command, PageCommand } from '../../actors/protocol/commands.js';
import type { RoomKey } from '../../actors/protocol/ids.js';
import type { Log } from '../../observe/log.js';
import type { Outcome } from '../frames.js';
import type { Service } from '../lifecycle.js';
import { memoryPage } from '../memory-page.js';
import { partitionOf } from '../placement.js';
import type { EdgeListener, ReplyTo, Rooms } from '../rooms.js';
import { ParkingSpace, type Entry } from './parking.js';
import type { ClusterView, LocalRooms, Membership, NodeBus, NodeId, Owner, RoomStream } from './port.js';
import { Route, type RouteReply } from './route.js';

export interface RouterOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly local: Pick<LocalRooms, 'offer' | 'held' | 'onHeld' | 'onFrame' | 'gone'> & {
    /** Rooms that lost their memory hear of our sockets before anything else. */
    announceFrom(announcer: Pick<EdgeListener, 'announce' | 'occupiedRooms'>): void;
  };
  readonly bus: NodeBus;
  readonly membership: Pick<Membership, 'view' | 'onChange' | 'onLapse' | 'poke'>;
  readonly stream: Pick<RoomStream, 'follow'>;
  /** Milliseconds after which a parked command is UNAVAILABLE. */
  readonly replyDeadlineMs: number;
  /** Commands parked per partition; four times as many over all of them. */
  readonly capacity: number;
  readonly log: Log;
  /** Milliseconds of a clock that never steps back; defaults to `performance.now`. */
  readonly now?: () => number;
}

/** The place in its frame of a command that another node answered: it has none here. */
const elsewhere = -1;
const sweepMs = 50;
/** Beyond the deadline of what a dead node may have sent last. */
const forgetAgainMs = 1_000;
const spacePartitions = 4;

export class Router implements Rooms, Service {
  readonly name = 'router';
  readonly #options: RouterOptions;
  readonly #routes: readonly Route[];
  readonly #now: () => number;
  #edge: EdgeListener | null = null;
  #accepting = false;
  #order = 0;
  #nodes: ReadonlySet<NodeId>;
  /**
   * Our occupied rooms by partition. Many partitions change hands at once, so it is kept for the rest of the event that
   * is being dealt with; null at any other time.
   */
  #occupied: Map<number, RoomKey[]> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #idle: (() => void)[] = [];

  constructor(options: RouterOptions) {
    const { node, partitions, local, bus, membership, stream, capacity } = options;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#nodes = liveOf(membership.view);
    const space = new ParkingSpace(capacity * spacePartitions);
    const hooks = {
      now: this.#now,
      owner: (partition: number) => this.#ownerOf(partition),
      isLocal: (owner: Owner) => owner.node === node,
      offer: ({ command, resent }: Entry, to: Owner, replyTo: RouteReply) => {
        if (to.node === node) local.offer(command, resent, replyTo);
        else bus.send(to, command, resent, (outcome) => replyTo(outcome, elsewhere));
      },
      occupied: (partition: number) => this.#occupiedIn(partition),
      announcement: (key: RoomKey) => this.#edge?.announce(key) ?? null,
      entryOf: (command: AnnounceCommand) => this.#entry(command, null),
      follow: (key: RoomKey) => stream.follow(key),
      onMoved: () => membership.poke(),
    };
    this.#routes = Array.from({ length: partitions }, (_, partition) => new Route(partition, capacity, space, hooks));
    membership.onChange((view) => this.#onView(view));
    membership.onLapse(() => {
      for (const route of this.#routes) route.forget();
    });
    local.onHeld((partition) => this.#routes[partition]?.refresh());
    local.onFrame((bursts) => this.#edge?.onBursts(bursts));
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  /** Commands parked now. */
  get parked(): number {
    return this.#routes.reduce((sum, route) => sum + route.parked, 0);
  }

  attach(listener: EdgeListener): void {
    this.#edge = listener;
    // Of a shard that starts anew the partitions are told of singly, by the routes, once it holds them.
    this.#options.local.announceFrom({ announce: (key) => listener.announce(key), occupiedRooms: () => [] });
  }

  send(command: Command, replyTo: ReplyTo): void {
    this.#routeOf(command.key).submit(this.#entry(command, replyTo));
  }

  ask(command: Command): Promise<Outcome> {
    return new Promise((resolve) => this.send(command, resolve));
  }

  /** Of rooms that are elsewhere the store tells: it is no further away than their owner. */
  page(command: PageCommand): Promise<string | null> {
    const { local, partitions } = this.#options;
    const here = this.#accepting && local.held.has(partitionOf(command.key, partitions));
    return here ? memoryPage(local, command) : Promise.resolve(null);
  }

  start(): Promise<void> {
    this.#timer ??= setInterval(() => this.sweep(), sweepMs);
    this.#accepting = true;
    for (const route of this.#routes) route.refresh();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#accepting = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const route of this.#routes) route.close();
    return Promise.resolve();
  }

  /** Resolves once everything sent so far, and until then, is answered. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  /** Deadlines and retries; called regularly once started. */
  sweep(): void {
    const now = this.#now();
    for (const route of this.#routes) route.sweep(now);
    this.#settleIdle();
  }

  #onView(view: ClusterView): void {
    const { local, bus, log, node } = this.#options;
    const nodes = liveOf(view);
    // A node that does not see itself is the one that is wrong, and about itself only.
    const gone = [...this.#nodes].filter((one) => one !== node && !nodes.has(one));
    this.#nodes = nodes;
    if (gone.length > 0) {
      log.info({ nodes: gone }, 'nodes are gone');
      local.gone(gone);
      // What they had sent before may still wait in a mailbox, and must not leave ghosts in the rooms.
      const again = (): void => {
        const still = gone.filter((one) => !this.#nodes.has(one));
        if (this.#timer !== null && still.length > 0) local.gone(still);
      };
      setTimeout(again, this.#options.replyDeadlineMs + forgetAgainMs).unref();
    }
    for (const route of this.#routes) route.refresh();
    // Their commands are given back into routes that know the new owners already, where there are any.
    for (const one of gone) bus.gone(one);
  }

  /** Our own knowledge of what we hold is newer than anybody's view of it. */
  #ownerOf(partition: number): Owner | null {
    const { node, local, membership } = this.#options;
    const epoch = local.held.get(partition);
    if (epoch !== undefined) return { node, epoch };
    const owner = membership.view.owners[partition] ?? null;
    return owner?.node === node ? null : owner;
  }

  #occupiedIn(partition: number): readonly RoomKey[] {
    if (this.#occupied === null) {
      this.#occupied = new Map();
      queueMicrotask(() => (this.#occupied = null));
      for (const key of this.#edge?.occupiedRooms() ?? []) {
        const place = partitionOf(key, this.#options.partitions);
        const keys = this.#occupied.get(place);
        if (keys === undefined) this.#occupied.set(place, [key]);
        else keys.push(key);
      }
    }
    return this.#occupied.get(partition) ?? [];
  }

  #entry(command: Command, replyTo: ReplyTo | null): Entry {
    const deadline = this.#now() + this.#options.replyDeadlineMs;
    return { command, replyTo, deadline, order: ++this.#order, resent: false, followed: false };
  }

  #routeOf(key: RoomKey): Route {
    const route = this.#routes[partitionOf(key, this.#options.partitions)];
    if (route === undefined) throw new Error('placement: no such partition');
    return route;
  }

  #settleIdle(): void {
    if (this.#idle.length === 0 || this.#routes.some((route) => !route.idle)) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

function liveOf(view: ClusterView): ReadonlySet<NodeId> {
  return new Set(view.nodes.map(({ id }) => id));
}
