/**
 * A cluster in one thread and in virtual time: real routers and real buses over a network that drops, copies and holds back
 * what it likes, and rooms that move. Instead of actors it keeps a book: which command was executed where, and when twice.
 * Long because network, nodes and book share one virtual clock and one queue.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { AnnounceCommand, Command } from '../../../src/actors/protocol/commands.js';
import type { RoomKey } from '../../../src/actors/protocol/ids.js';
import { createLog } from '../../../src/observe/log.js';
import { CommandBus } from '../../../src/runtime/cluster/bus.js';
import type { ClusterView, LaneReply, NodeId, Owner, Transport } from '../../../src/runtime/cluster/port.js';
import { Router } from '../../../src/runtime/cluster/router.js';
import type { Burst, Outcome } from '../../../src/runtime/frames.js';
import { partitionOf } from '../../../src/runtime/placement.js';

export const log = createLog('silent', 'test');
export const partitions = 2;
/** Rooms of partition 0 and of partition 1. */
export const rooms: readonly RoomKey[] = ['a', 'b', 'c', 'd', 'e', 'f'];

export interface Sent {
  readonly command: Command;
  readonly outcomes: Outcome[];
}

interface Parcel {
  readonly to: NodeId;
  readonly text: string;
}

class SimTransport implements Transport {
  readonly name = 'transport';
  readonly up = true;
  readonly #world: World;
  listener: (text: string) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
  }

  send(to: NodeId, text: string): void {
    this.#world.network.push({ to, text });
  }

  onMessage(listener: (text: string) => void): void {
    this.listener = listener;
  }

  start = () => Promise.resolve();
  stop = () => Promise.resolve();
}

export class SimNode {
  readonly id: NodeId;
  readonly transport: SimTransport;
  readonly bus: CommandBus;
  readonly router: Router;
  readonly sent: Sent[] = [];
  readonly held = new Map<number, number>();
  readonly occupied: readonly RoomKey[];
  dead = false;
  /** The lane: offered and not executed. */
  queue: { readonly command: Command; readonly resent: boolean; readonly replyTo: LaneReply }[] = [];
  view: ClusterView;
  poked = false;
  readonly #world: World;
  #onChange: ((view: ClusterView) => void)[] = [];
  #onHeld: ((partition: number, epoch: number | null) => void)[] = [];
  #onFrame: ((bursts: readonly Burst[]) => void)[] = [];
  #onLapse: (() => void)[] = [];
  readonly goneTold: NodeId[] = [];
  #ids = 0;

  constructor(world: World, id: NodeId, occupied: readonly RoomKey[]) {
    this.#world = world;
    this.id = id;
    this.occupied = occupied;
    this.view = world.truth();
    this.transport = new SimTransport(world);
    const viewed = (): ClusterView => this.view;
    const local = {
      held: this.held,
      offer: (command: Command, resent: boolean, replyTo: LaneReply) => {
        this.queue.push({ command, resent, replyTo });
      },
      onHeld: (listener: (partition: number, epoch: number | null) => void) => this.#onHeld.push(listener),
      onFrame: (listener: (bursts: readonly Burst[]) => void) => this.#onFrame.push(listener),
      gone: (nodes: readonly NodeId[]) => this.goneTold.push(...nodes),
      announceFrom: () => undefined,
    };
    const now = () => world.now;
    this.bus = new CommandBus({
      node: id,
      partitions,
      transport: this.transport,
      local,
      capacity: 1_000,
      log,
      now,
    });
    this.router = new Router({
      node: id,
      partitions,
      local,
      bus: this.bus,
      membership: {
        get view() {
          return viewed();
        },
        onChange: (listener) => this.#onChange.push(listener),
        onLapse: (listener) => this.#onLapse.push(listener),
        poke: () => {
          this.poked = true;
        },
      },
      stream: { follow: () => Promise.resolve() },
      replyDeadlineMs: 10_000,
      capacity: 1_000,
      log,
      now,
    });
    this.router.attach({
      onBursts: () => undefined,
      announce: (key) => this.announcement(key),
      occupiedRooms: () => this.occupied,
    });
  }

  announcement(key: RoomKey): AnnounceCommand {
    return { kind: 'announce', key, id: this.#id(), occupants: [['someone', `${this.id}/1`]] };
  }

  send(kind: 'typing' | 'join', key: RoomKey): void {
    const id = this.#id();
    const command: Command =
      kind === 'typing'
        ? { kind, key, id, userId: 'u' }
        : { kind, key, id, userId: 'u', socketId: `${this.id}/1`, since: null };
    const sent: Sent = { command, outcomes: [] };
    this.sent.push(sent);
    this.router.send(command, (outcome) => sent.outcomes.push(outcome));
  }

  hold(partition: number, epoch: number | null): void {
    if (epoch === null) this.held.delete(partition);
    else this.held.set(partition, epoch);
    for (const listener of this.#onHeld) listener(partition, epoch);
  }

  look(): void {
    this.poked = false;
    this.view = this.#world.truth();
    for (const listener of this.#onChange) listener(this.view);
  }

  lapse(): void {
    for (const listener of this.#onLapse) listener();
  }

  /** One frame of at most so many commands. */
  execute(most: number): void {
    const frame = this.queue.splice(0, most);
    frame.forEach(({ command, resent, replyTo }, at) => {
      replyTo(this.#world.book.enter(this.id, command, resent, this.#world.owners), at);
    });
    for (const listener of this.#onFrame) listener([]);
  }

  #id(): string {
    return `${this.id}-${String(++this.#ids).padStart(6, '0')}`;
  }
}

/** What was done, as Postgres and the actors would know it. */
export class Book {
  readonly faults: string[] = [];
  /** Ids by room, in the order of execution. */
  readonly done = new Map<RoomKey, string[]>();
  readonly #ids = new Set<string>();
  /** `<epoch> <room> <node>` of every announcement that was executed. */
  readonly announced = new Set<string>();
  /** Executed before the announcement of its node: no fault where the announcement was lost. */
  readonly unannounced: string[] = [];

  enter(
    by: NodeId,
    command: Command,
    resent: boolean,
    owners: readonly (Owner | null)[],
  ): Outcome | { ok: false; moved: true } {
    const owner = owners[partitionOf(command.key, partitions)] ?? null;
    if (owner?.node !== by) return { ok: false, moved: true };
    const from = command.id.split('-')[0] ?? '';
    if (command.kind === 'announce') {
      this.announced.add(`${owner.epoch} ${command.key} ${from}`);
      return answer('{}');
    }
    if (!this.announced.has(`${owner.epoch} ${command.key} ${from}`)) this.unannounced.push(command.id);
    if (this.#ids.has(command.id)) {
      if (!resent) this.faults.push(`${command.id} was executed twice`);
      return answer(command.id);
    }
    this.#ids.add(command.id);
    this.done.set(command.key, [...(this.done.get(command.key) ?? []), command.id]);
    return answer(command.id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}

function answer(body: string): Outcome {
  return { ok: true, answer: { body, resync: null } };
}

/** Rounds of settling in which an announcement that was lost is certainly made again: the bus gives up after 20 of them. */
const calmRounds = 60;

export class World {
  now = 1_000_000;
  network: Parcel[] = [];
  owners: (Owner | null)[] = Array.from({ length: partitions }, () => null);
  readonly book = new Book();
  readonly nodes: SimNode[];
  #epoch = 0;

  constructor(count: number) {
    this.nodes = [];
    for (let i = 0; i < count; i++) this.nodes.push(new SimNode(this, `n${i}`, rooms));
    for (const node of this.nodes) {
      node.look();
      node.router.sweep();
    }
  }

  get living(): readonly SimNode[] {
    return this.nodes.filter((node) => !node.dead);
  }

  truth(): ClusterView {
    return {
      nodes: (this.nodes ?? []).filter(({ dead }) => !dead).map(({ id }) => ({ id, draining: false })),
      owners: [...this.owners],
    };
  }

  node(i: number): SimNode {
    const node = this.nodes[i % this.nodes.length];
    if (node === undefined) throw new Error('no nodes');
    return node;
  }

  /** Takes a partition from whoever has it; null leaves it to nobody. */
  move(partition: number, to: SimNode | null): void {
    const former = this.owners[partition] ?? null;
    if (to?.dead === true) return;
    this.owners[partition] = null;
    if (former !== null) this.nodes.find(({ id }) => id === former.node)?.hold(partition, null);
    if (to === null) return;
    // A shard asks for a partition again after a pause; what its lane had for it was answered by then.
    to.execute(Infinity);
    const epoch = ++this.#epoch;
    this.owners[partition] = { node: to.id, epoch };
    to.hold(partition, epoch);
  }

  kill(node: SimNode): void {
    node.dead = true;
    this.owners.forEach((owner, partition) => {
      if (owner?.node === node.id) this.owners[partition] = null;
    });
  }

  deliver(place: number): void {
    const [parcel] = this.network.splice(place % Math.max(1, this.network.length), 1);
    const node = this.nodes.find(({ id }) => id === parcel?.to);
    if (parcel !== undefined && node?.dead === false) node.transport.listener(parcel.text);
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const node of this.living) {
      if (node.poked) node.look();
      node.bus.expire();
      node.router.sweep();
    }
    await turn();
  }

  /** No more faults: everything that can be answered is, or the deadline passes. */
  async settle(): Promise<void> {
    this.owners.forEach((owner, partition) => {
      if (owner === null) this.move(partition, this.living[0] ?? null);
    });
    for (let round = 0; round < 500 && !(this.quiet && round > calmRounds); round++) {
      for (const node of this.living) node.look();
      while (this.network.length > 0) {
        this.deliver(0);
        // Between two texts, so that a copy may find its command done.
        for (const node of this.living) node.execute(1_000);
        await turn();
      }
      for (const node of this.living) node.execute(1_000);
      await this.pass(50);
    }
  }

  get quiet(): boolean {
    const answered = this.living.every(({ sent }) => sent.every(({ outcomes }) => outcomes.length > 0));
    return answered && this.network.length === 0 && this.living.every(({ queue }) => queue.length === 0);
  }
}
