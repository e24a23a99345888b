/**
 * The node bus: commands to the nodes that hold their rooms, and their outcomes back. All that waited for a node when the
 * turn of the event loop ended travels in one message.
 *
 * What arrives is executed at most once per sending: a message counts up (`codec.ts`), so a copy or a latecomer is dropped;
 * a command names the epoch under which the sender believes its partition to be held here, so one that was meant for an
 * earlier tenure is answered `moved`; and one that is still being executed here is not offered again, only its answer goes
 * to the later message. A command without an answer within the deadline is given back as null: the router sends it again,
 * marked, and its owner looks it up.
 *
 * The outcomes of a frame leave before its bursts are published: `service.ts` tells the bus of a frame before the streams.
 */
import type { Command } from '../../actors/protocol/commands.js';
import { reject } from '../../actors/rejections.js';
import { LRUCache } from 'lru-cache';
import type { Log } from '../../observe/log.js';
import type { LaneOutcome } from '../frames.js';
import { partitionOf } from '../placement.js';
import {
  Codec,
  messageMaxUnits,
  type BusMessage,
  type CommandItem,
  type DropReason,
  type Kind,
  type ReplyItem,
} from './codec.js';
import { batches, cut } from './parts.js';
import { Peer, type Sending } from './peer.js';
import type { BusReply, LocalRooms, NodeBus, NodeId, Owner, Transport } from './port.js';

export interface CommandBusOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly transport: Transport;
  readonly local: Pick<LocalRooms, 'offer' | 'held' | 'onFrame'>;
  /** Commands on their way to one node; over it further ones are OVERLOADED. */
  readonly capacity: number;
  /** Milliseconds until a command without an answer is given back. Defaults to 1000. */
  readonly deadlineMs?: number;
  readonly log: Log;
  /** Milliseconds of a clock that never steps back; defaults to `performance.now`. */
  readonly now?: () => number;
}

/** Counted for the metrics. */
export interface BusCounts {
  sent: number;
  received: number;
  /** Commands given back without an answer. */
  unanswered: number;
  readonly dropped: Record<DropReason, number>;
}

/** Where the answer of a command that is being executed here goes. */
interface Address {
  from: NodeId;
  request: number;
  place: number;
}

const defaultDeadlineMs = 1_000;
/** Nodes remembered, dead ones too; a forgotten one starts anew. Far more than a cluster has. */
const peersKept = 1_024;
const logAgainMs = 60_000;

export class CommandBus implements NodeBus {
  readonly name = 'node bus';
  readonly counts: BusCounts = {
    sent: 0,
    received: 0,
    unanswered: 0,
    dropped: { oversized: 0, malformed: 0, version: 0, partitions: 0, late: 0 },
  };
  readonly #options: CommandBusOptions;
  readonly #codec: Codec;
  readonly #deadlineMs: number;
  readonly #now: () => number;
  readonly #peers = new LRUCache<NodeId, Peer>({
    max: peersKept,
    // Made room for others: whoever waits for it is told, or would wait for ever.
    disposeAfter: (peer, _node, reason) => {
      if (reason === 'evict') this.counts.unanswered += peer.giveUp(Infinity);
    },
  });
  /** Commands of other nodes that were offered here and not answered, by id. Bounded by the mailboxes. */
  readonly #executing = new Map<string, Address>();
  /** Peers with something to send. */
  readonly #busy = new Set<NodeId>();
  /** Of the last message sent, to whomever: it grows for each receiver, also for one that was forgotten meanwhile. */
  #number = 0;
  readonly #toldAt = new Map<DropReason, number>();
  #scheduled = false;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: CommandBusOptions) {
    this.#options = options;
    this.#codec = new Codec(options.node, options.partitions);
    this.#deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
    this.#now = options.now ?? (() => performance.now());
    options.transport.onMessage((text) => this.#receive(text));
    options.local.onFrame(() => this.flush());
  }

  start(): Promise<void> {
    this.#timer ??= setInterval(() => this.expire(), Math.max(10, this.#deadlineMs / 10));
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.flush();
    this.#stopped = true;
    for (const peer of this.#peers.values()) peer.giveUp(Infinity);
    return Promise.resolve();
  }

  send(to: Owner, command: Command, resent: boolean, replyTo: BusReply): void {
    const peer = this.#peer(to.node);
    if (this.#stopped) return replyTo(null);
    if (peer.outstanding >= this.#options.capacity) return replyTo({ ok: false, rejection: reject('OVERLOADED') });
    peer.add({ epoch: to.epoch, command, resent, replyTo });
    this.#schedule(to.node);
  }

  /** The node is known to be dead: what it did not answer is given back now. */
  gone(node: NodeId): void {
    const peer = this.#peers.peek(node);
    if (peer === undefined) return;
    // What it had sent of a message that came in parts is of no use any more, and may be large.
    peer.assembly.clear();
    this.counts.unanswered += peer.giveUp(Infinity);
  }

  /** Gives back what has waited for longer than the deadline. */
  expire(): void {
    const now = this.#now();
    for (const peer of [...this.#peers.values()]) this.counts.unanswered += peer.giveUp(now - this.#deadlineMs);
  }

  /** Sends all that waits now. */
  flush(): void {
    if (this.#busy.size === 0) return;
    const busy = [...this.#busy];
    this.#busy.clear();
    for (const node of busy) {
      const peer = this.#peer(node);
      const { replies, waiting } = peer.take();
      for (const chunk of batches(replies)) this.#post(node, 'replies', chunk, false);
      this.#request(node, peer, waiting);
    }
  }

  #request(node: NodeId, peer: Peer, waiting: readonly Sending[]): void {
    let rest = waiting;
    const texts = waiting.map(({ epoch, resent, command }) =>
      JSON.stringify([epoch, resent, command] satisfies CommandItem),
    );
    for (const chunk of batches(texts)) {
      const items = rest.slice(0, chunk.length);
      rest = rest.slice(chunk.length);
      const sentAt = this.#now();
      // Nothing was heard since the sending that got no answer: perhaps it is the way that is broken.
      const again = items.some(({ resent }) => resent) && peer.heardAt < sentAt - this.#deadlineMs;
      const number = this.#post(node, 'commands', chunk, again);
      this.counts.sent += items.length;
      if (number === null) peer.refuse(items, { ok: false, rejection: reject('TOO_LARGE') });
      else peer.sent(number, items, sentAt);
    }
  }

  /** @returns the message's number, or null when it is larger than anything that may be sent */
  #post(node: NodeId, kind: Kind, items: readonly string[], again: boolean): number | null {
    const { transport } = this.#options;
    const number = ++this.#number;
    const text = this.#codec.encode(kind, number, items);
    if (text.length <= messageMaxUnits + headUnits) {
      transport.send(node, text, again);
      return number;
    }
    const parts = cut(text);
    if (parts === null) return null;
    for (const part of parts) transport.send(node, this.#codec.encode('part', ++this.#number, part), again);
    return number;
  }

  #receive(text: string): void {
    const decoded = this.#codec.decode(text);
    if (!decoded.ok) return this.#drop(decoded.reason, text.length);
    const { message } = decoded;
    if (message.from === this.#options.node || this.#stopped) return;
    const peer = this.#peer(message.from);
    peer.heardAt = this.#now();
    if (message.number <= peer.received) return this.#drop('late', text.length, message.from);
    peer.received = message.number;
    if (message.kind !== 'part') {
      peer.assembly.clear();
      return this.#take(peer, message);
    }
    const whole = peer.assembly.add(...message.items);
    if (whole === null) return;
    const inner = this.#codec.decodeWhole(whole);
    if (!inner.ok) this.#drop(inner.reason, whole.length, message.from);
    else if (inner.message.kind === 'part' || inner.message.from !== message.from)
      this.#drop('malformed', whole.length, message.from);
    else this.#take(peer, inner.message);
  }

  #take(peer: Peer, message: BusMessage): void {
    if (message.kind === 'commands')
      message.items.forEach((item, place) =>
        this.#execute(item, { from: message.from, request: message.number, place }),
      );
    else if (message.kind === 'replies')
      for (const [request, place, outcome] of message.items) peer.answer(request, place, outcome);
  }

  #execute([epoch, resent, command]: CommandItem, address: Address): void {
    const { local, partitions } = this.#options;
    this.counts.received += 1;
    if (local.held.get(partitionOf(command.key, partitions)) !== epoch)
      return this.#reply(address, { ok: false, moved: true });
    const known = this.#executing.get(command.id);
    if (known !== undefined) {
      Object.assign(known, address);
      return;
    }
    this.#executing.set(command.id, address);
    local.offer(command, resent, (outcome) => {
      this.#executing.delete(command.id);
      this.#reply(address, outcome);
    });
  }

  #reply({ from, request, place }: Address, outcome: LaneOutcome): void {
    if (this.#stopped) return;
    let text = JSON.stringify([request, place, outcome] satisfies ReplyItem);
    if (text.length > replyMaxUnits) {
      this.#options.log.error({ to: from, units: text.length }, 'an answer is too large to be sent to its node');
      text = JSON.stringify([request, place, { ok: false, rejection: reject('INTERNAL') }] satisfies ReplyItem);
    }
    this.#peer(from).addReply(text);
    this.#schedule(from);
  }

  /** A message is sent once all events of this turn were read: that is what makes it a batch. */
  #schedule(node: NodeId): void {
    this.#busy.add(node);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #drop(reason: DropReason, units: number, from?: NodeId): void {
    this.counts.dropped[reason] += 1;
    const now = this.#now();
    // Copies are usual where a message took two ways; the rest is told, but a flood of it not in full.
    if (reason === 'late' || now - (this.#toldAt.get(reason) ?? -Infinity) < logAgainMs) return;
    this.#toldAt.set(reason, now);
    this.#options.log.warn({ reason, units, from, dropped: this.counts.dropped[reason] }, 'a node message was dropped');
  }

  #peer(node: NodeId): Peer {
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    const peer = new Peer();
    this.#peers.set(node, peer);
    return peer;
  }
}

/** What surrounds the items. */
const headUnits = 1_024;
/** Leaves room for the head within the most parts. */
const replyMaxUnits = messageMaxUnits * 63;
