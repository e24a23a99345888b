/**
 * Who is where: sockets by room and by user, and which version of each room they have seen. It turns bursts into what each
 * socket gets; `room.ts` decides what a member of a room gets of it.
 *
 * Bounds: sockets per user and rooms per socket (so rooms too) by the configuration; entries go with the last socket.
 */
import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import { directUsers, isDirect, roomIdOf, type RoomKey } from '../actors/protocol/ids.js';
import type { AnnounceCommand } from '../actors/protocol/commands.js';
import type { Burst } from '../runtime/frames.js';
import type { Leaving } from '../edge/leaving.js';
import type { RepairedRoom, Standing, StreamEdge } from '../runtime/rooms.js';
import type { Log } from '../observe/log.js';
import type { EdgeMetrics } from './metrics.js';
import { OutgoingBurst, type OutgoingEvent } from './fanout/burst.js';
import { Flusher } from './fanout/flusher.js';
import { Room } from './room.js';
import { Roster } from './roster.js';
import { gapPacket, newestSeq, sequel } from './sequence.js';
import type { Session } from './session.js';

/** Direct conversations whose last version is remembered; a forgotten one starts anew with its next broadcast. */
const directVersions = 10_000;

export class Hub implements StreamEdge {
  readonly #rooms = new Map<RoomKey, Room>();
  /** Replaced by each change, never changed: almost every user has one socket, and a list of one is much smaller than a set. */
  readonly #users = new Map<string, readonly Session[]>();
  readonly #direct = new LRUCache<RoomKey, DirectStanding>({ max: directVersions });
  /** Rooms that were joined in the frame being delivered; empty between frames. */
  #touched: RoomKey[] = [];
  #relay: ((userId: string, packet: string) => void) | null = null;
  #onBehind: ((key: RoomKey) => void) | null = null;
  #leaving: LeavingSockets | null = null;
  #onEvicted: ((session: Session, key: RoomKey) => void) | null = null;
  readonly #metrics: EdgeMetrics;
  readonly #log: Log;
  readonly #rosters: boolean;
  readonly flusher = new Flusher(() => {
    this.settle();
  });

  /** @param rosters whether rooms list now and then who is there: where there are other nodes */
  constructor(metrics: EdgeMetrics, log: Log, rosters = true) {
    this.#metrics = metrics;
    this.#log = log;
    this.#rosters = rosters;
  }

  /** From now on sockets that are about to leave are announced too. */
  announceToo(leaving: LeavingSockets): void {
    this.#leaving = leaving;
  }

  /** The sockets of a user, none when there are none. */
  socketsOf(userId: string): readonly Session[] {
    return this.#users.get(userId) ?? [];
  }

  addUser(userId: string, session: Session): void {
    // Not spread: that leaves room for sixteen more.
    this.#users.set(userId, this.socketsOf(userId).concat(session));
  }

  removeUser(userId: string, session: Session): void {
    const left = this.socketsOf(userId).filter((other) => other !== session);
    if (left.length === 0) this.#users.delete(userId);
    else this.#users.set(userId, left);
  }

  /**
   * A join committed. Called within the replies of its frame.
   * @param at its place in the frame; -1 when another node answered
   * @param standing of the room as in `room_joined`
   * @param packets what the joiner alone gets, `room_joined` first
   */
  join(key: RoomKey, session: Session, at: number, standing: Standing, packets: readonly string[]): void {
    let room = this.#rooms.get(key);
    if (room === undefined) {
      room = new Room(standing, this.#rosters ? new Roster(key) : null);
      this.#rooms.set(key, room);
    }
    this.#touched.push(key);
    this.flusher.schedule();
    session.rooms.add(key);
    room.add(session, at, standing, packets);
  }

  leave(key: RoomKey, session: Session): void {
    session.rooms.delete(key);
    const room = this.#rooms.get(key);
    if (room?.remove(session) === true && room.members.size === 0) this.#rooms.delete(key);
  }

  onBursts(bursts: readonly Burst[]): void {
    for (const burst of bursts) {
      if (isDirect(burst.key)) this.#deliverDirect(burst);
      else this.#deliverRoom(burst);
    }
    this.settle();
    this.flusher.flush();
  }

  /** The frame is over: places in it mean nothing any more. */
  settle(): void {
    if (this.#touched.length === 0) return;
    const touched = this.#touched;
    this.#touched = [];
    for (const key of touched) {
      const room = this.#rooms.get(key);
      if (room === undefined) continue;
      room.settle();
      if (!room.behind) continue;
      if (this.#onBehind !== null) this.#onBehind(key);
      else room.announceGap(this.#gap(key, null, room.version));
    }
  }

  onBehind(listener: (key: RoomKey) => void): void {
    this.#onBehind = listener;
  }

  /**
   * From now on `listener` is told of sockets whose access to a room ended. The room knows, unless it lost its memory and
   * was told of them since.
   */
  onEvicted(listener: (session: Session, key: RoomKey) => void): void {
    this.#onEvicted = listener;
  }

  standing(key: RoomKey): Standing | null {
    if (!isDirect(key)) return this.#rooms.get(key)?.standing ?? null;
    const { version, seq } = this.#direct.get(key) ?? {};
    return version === undefined || seq === undefined || seq === null ? null : { version, seq };
  }

  onRepaired({ key, events, evictions = [], to }: RepairedRoom): void {
    const direct = isDirect(key);
    const from = this.standing(key);
    const outgoing: OutgoingEvent[] =
      events === null
        ? [
            ...evictions.map((event) => ({ ...event, at: -1 })),
            { packet: this.#gap(key, from?.version ?? null, to.version), version: to.version, except: null, at: -1 },
          ]
        : events.map((event) => ({ ...event, at: -1 }));
    const burst = new OutgoingBurst(roomIdOf(key), outgoing, to.version);
    if (direct) {
      this.#direct.set(key, to);
      this.#giveBoth(key, burst);
    } else {
      const room = this.#rooms.get(key);
      if (room !== undefined) this.#forget(key, room, room.repair(burst, to));
    }
    this.flusher.flush();
  }

  onPersonal(userId: string, packet: string): void {
    for (const session of this.socketsOf(userId)) session.push(`2${packet}`);
  }

  /** From now on `relay` takes what is for a user's sockets on other nodes. */
  relayTo(relay: (userId: string, packet: string) => void): void {
    this.#relay = relay;
  }

  /** A packet (JSON text of an event) for every socket of a user, wherever it is. */
  tellUser(userId: string, packet: string): void {
    this.onPersonal(userId, packet);
    this.#relay?.(userId, packet);
  }

  onDirectHead(key: RoomKey, version: number, ageMs: number): void {
    const known = this.#direct.get(key);
    if (known !== undefined && known.version >= version) return;
    const since = performance.now() - ageMs;
    const packet = `2${this.#gap(key, known?.version ?? null, version)}`;
    let told = false;
    for (const userId of new Set(directUsers(key)))
      for (const session of this.socketsOf(userId)) {
        if (session.since > since) continue;
        session.push(packet);
        told = true;
      }
    if (told) this.#direct.set(key, { version, seq: null });
  }

  onDirectGap(): void {
    this.#direct.clear();
    const packet = `2${gapPacket(null, 0)}`;
    for (const sockets of this.#users.values()) for (const session of sockets) session.push(packet);
  }

  announce(key: RoomKey): AnnounceCommand | null {
    const occupants: [string, string][] = [];
    const members = this.#rooms.get(key)?.members ?? [];
    const leaving = new Map(this.#leaving?.sockets(key));
    for (const session of members) {
      leaving.delete(session.id);
      if (session.identity !== null) occupants.push([session.identity.userId, session.id]);
    }
    for (const [socketId, userId] of leaving) occupants.push([userId, socketId]);
    return occupants.length === 0 ? null : { kind: 'announce', key, id: uuidv7(), occupants };
  }

  *occupiedRooms(): Iterable<RoomKey> {
    yield* this.#rooms.keys();
    for (const key of this.#leaving?.rooms() ?? []) if (!this.#rooms.has(key)) yield key;
  }

  #deliverRoom({ key, events }: Burst): void {
    const room = this.#rooms.get(key);
    if (room === undefined) return;
    const fresh = sequel(room, room.roster?.read(events) ?? events, (delivered, next) =>
      this.#gap(key, delivered, next),
    );
    if (fresh.events.length === 0) return;
    const to = { version: fresh.version ?? room.version, seq: fresh.seq };
    const burst = new OutgoingBurst(roomIdOf(key), fresh.events, to.version);
    this.#forget(key, room, room.deliver(burst, to, this.#give));
  }

  /** Sockets whose access ended are in the room no more. */
  #forget(key: RoomKey, room: Room, evicted: readonly Session[]): void {
    for (const session of evicted) {
      session.rooms.delete(key);
      this.#onEvicted?.(session, key);
    }
    if (room.members.size === 0) this.#rooms.delete(key);
  }

  /** All sockets of both users hear of a direct conversation, whatever they joined. */
  #deliverDirect({ key, events }: Burst): void {
    const users = directUsers(key) ?? ['', ''];
    if (users.every((userId) => this.socketsOf(userId).length === 0)) {
      // Nobody saw these versions: the next listener starts anew.
      this.#direct.delete(key);
      return;
    }
    const seen = this.#direct.get(key) ?? null;
    const fresh = sequel(seen, events, (delivered, next) => this.#gap(key, delivered, next));
    const { version } = fresh;
    if (version !== null) this.#direct.set(key, { version, seq: newestSeq(fresh.events) ?? seen?.seq ?? null });
    if (fresh.events.length > 0) this.#giveBoth(key, new OutgoingBurst(null, fresh.events, version ?? 0));
  }

  #giveBoth(key: RoomKey, burst: OutgoingBurst): void {
    for (const userId of new Set(directUsers(key)))
      for (const session of this.socketsOf(userId)) this.#give(session, burst);
  }

  /** A hole that is announced instead of filled. */
  #gap(key: RoomKey, delivered: number | null, next: number): string {
    const roomId = roomIdOf(key);
    this.#metrics.gaps += 1;
    this.#log.error({ roomId, delivered, next }, 'hole in the stream of a room announced to its sockets');
    return gapPacket(roomId, next);
  }

  readonly #give = (session: Session, burst: OutgoingBurst): void => {
    const { pressure } = session;
    if (pressure === 0 && burst.excepted === null) {
      session.push(burst.all);
      return;
    }
    const view = burst.viewFor(session.identity?.userId ?? '', pressure);
    if (pressure > 0) this.#metrics.shedBroadcasts += burst.shed(pressure);
    if (view !== null) session.push(view);
  };
}

/** Sockets that have asked rooms to let them go and got no answer yet. */
export type LeavingSockets = Pick<Leaving, 'rooms' | 'sockets'>;

/** The seq is null until a new message was seen. */
interface DirectStanding {
  readonly version: number;
  readonly seq: number | null;
}
