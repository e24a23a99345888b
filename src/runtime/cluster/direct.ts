/**
 * Direct conversations, and what concerns a user's own sockets, between the edges of the nodes. Nobody joins a direct
 * conversation, so nobody can know whose sockets are where: everything goes to all nodes, by Socket.IO's own way between
 * servers. Versions drop what came twice and show what is missing; where conversations stand is told again every second for
 * those that changed in the last seconds. After an outage of that way every socket is told that it may have missed something.
 */
import { isDirect, type RoomKey } from '../../actors/protocol/ids.js';
import type { Log } from '../../observe/log.js';
import type { Service } from '../lifecycle.js';
import type { StreamEdge } from '../rooms.js';
import { RecentHeads } from './heads.js';
import type { Membership, NodeId, StreamBurst } from './port.js';
import type { Receiver } from './receiver.js';
import {
  encodeBursts,
  isCount,
  isName,
  isPacket,
  messageCapacity,
  open,
  openingOf,
  readAll,
  readBursts,
  tupleOf,
} from './stream-codec.js';
import type { StreamMetrics } from './stream-metrics.js';
import type { RedisLinks } from './transport/redis.js';

export interface DirectRelayOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly links: Pick<RedisLinks, 'up' | 'onReady'>;
  readonly membership: Pick<Membership, 'view' | 'onChange'>;
  readonly edge: StreamEdge;
  readonly receiver: Receiver;
  readonly metrics: StreamMetrics;
  readonly log: Log;
}

const beaconMs = 1_000;
const headsKeptMs = 5_000;
const headsAtOnce = 1_000;
/** One line per this time. */
const quietMs = 10_000;

type DirectHead = readonly [key: RoomKey, version: number, ageMs: number];

export class DirectRelay implements Service {
  readonly name = 'direct relay';
  readonly #options: DirectRelayOptions;
  readonly #heads = new RecentHeads(headsKeptMs);
  #emit: ((text: string) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #others = false;
  /** The next time that Redis is ready it comes back from an outage. */
  #outage = false;
  #refusedAt = -Infinity;

  constructor(options: DirectRelayOptions) {
    this.#options = options;
    options.links.onReady(() => {
      if (this.#outage && this.#timer !== null) options.edge.onDirectGap();
      this.#outage = true;
    });
    options.membership.onChange(() => this.#look());
  }

  start(): Promise<void> {
    if (this.#timer !== null) return Promise.resolve();
    this.#look();
    this.#outage ||= !this.#options.links.up;
    this.#timer = setInterval(() => this.#beacon(), beaconMs);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#emit = null;
    return Promise.resolve();
  }

  /** @param emit reaches the other nodes' `receive`, best effort */
  bind(emit: (text: string) => void): void {
    this.#emit = emit;
  }

  /** Publishes the direct conversations among a frame's bursts. */
  publish(bursts: readonly StreamBurst[]): void {
    const direct = bursts.filter(({ key }) => isDirect(key));
    if (direct.length === 0) return;
    const now = performance.now();
    for (const { key, from, to } of direct) if (to > from) this.#heads.note(key, to, now);
    if (this.#others) for (const text of encodeBursts(direct)) this.#send(`"bursts":${text}`);
  }

  /** A packet (JSON text of an event) for a user's sockets on other nodes. */
  personal(userId: string, packet: string): void {
    if (this.#others) this.#send(`"personal":[${JSON.stringify([userId, packet])}]`);
  }

  /** Something that another node sent. */
  receive(given: unknown): void {
    const { node, partitions, edge, receiver, metrics } = this.#options;
    if (typeof given === 'string' && given.startsWith(openingOf(node))) return;
    metrics.received += 1;
    const opened = open(given, partitions);
    if (!opened.ok) return this.#refuse(opened.refusal);
    const { bursts = [], heads = [], personal = [] } = opened.message;
    const readable = readBursts(bursts);
    const direct = readAll(heads, readHead);
    const packets = readAll(personal, readPersonal);
    if (readable === null || direct === null || packets === null || readable.some(({ key }) => !isDirect(key)))
      return this.#refuse('malformed');
    receiver.onRemote(readable);
    for (const [userId, packet] of packets) edge.onPersonal(userId, packet);
    for (const [key, version, ageMs] of direct) {
      // A conversation whose standing is known is repaired; of the others it is only known that something was missed.
      if (edge.standing(key) === null) edge.onDirectHead(key, version, ageMs);
      else receiver.onHeads([[key, version]]);
    }
  }

  #beacon(): void {
    // Kept while nobody can be told of them, and told when Redis is back.
    if (this.#others && !this.#options.links.up) return;
    const now = performance.now();
    if (this.#others) {
      const heads = [...this.#heads.all()].map(([key, { version, since }]): DirectHead => {
        return [key, version, Math.ceil(now - since)];
      });
      for (let i = 0; i < heads.length; i += headsAtOnce)
        this.#send(`"heads":${JSON.stringify(heads.slice(i, i + headsAtOnce))}`);
    }
    this.#heads.age(now);
  }

  #look(): void {
    const { membership, node } = this.#options;
    this.#others = membership.view.nodes.some(({ id }) => id !== node);
  }

  #send(body: string): void {
    const { node, partitions, metrics } = this.#options;
    const text = `${openingOf(node)}"partitions":${partitions},${body}}`;
    if (this.#emit === null || text.length > messageCapacity) return;
    metrics.published += 1;
    this.#emit(text);
  }

  #refuse(reason: string): void {
    this.#options.metrics.refused += 1;
    const now = performance.now();
    if (now - this.#refusedAt < quietMs) return;
    this.#refusedAt = now;
    this.#options.log.warn({ reason }, 'a message of another edge was refused');
  }
}

function readHead(given: unknown): DirectHead | null {
  const [key, version, ageMs] = tupleOf(given, 3);
  return isName(key) && isDirect(key) && isCount(version) && isCount(ageMs) ? [key, version, ageMs] : null;
}

function readPersonal(given: unknown): readonly [string, string] | null {
  const [userId, packet] = tupleOf(given, 2);
  const known = isPacket(packet) && /^\["marked_(read|delivered)",/.test(packet);
  return isName(userId) && known ? [userId, packet] : null;
}
