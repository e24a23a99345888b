/**
 * Who is where: sockets by room and by user, and which version of each room they have seen. It turns bursts into what each
 * socket gets, and is the only place that decides that.
 *
 * A socket that joins at place `at` of a frame has everything up to there in its `room_joined`, which is written first; of
 * that frame it gets the broadcasts with a larger `at`, and of later frames everything. A socket that was in the room
 * already and joins again gets its `room_joined` between the broadcasts before and after it.
 *
 * Bounds: sockets per user and rooms per socket (so rooms too) by the configuration; entries go with the last socket.
 */
import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import { directUsers, isDirect, roomIdOf, type RoomKey } from '../actors/protocol/ids.js';
import type { AnnounceCommand } from '../actors/protocol/commands.js';
import type { Burst, PlacedBroadcast } from '../runtime/frames.js';
import type { EdgeListener } from '../runtime/rooms.js';
import type { Log } from '../observe/log.js';
import type { EdgeMetrics } from './metrics.js';
import { OutgoingBurst } from './fanout/burst.js';
import { Flusher } from './fanout/outbox.js';
import type { Session } from './session.js';

/** Direct conversations whose last version is remembered; a forgotten one starts anew with its next broadcast. */
const directVersions = 10_000;

/** A member that joined in the frame being delivered. */
interface Arrival {
  /** Broadcasts up to this place are in its `room_joined`; -1 for a socket that was in the room before. */
  readonly after: number;
  /** Packets of repeated joins, to be put between the broadcasts; in order of `at`. */
  repeats: { readonly at: number; readonly packets: readonly string[] }[];
}

class Room {
  readonly members = new Set<Session>();
  /** Empty between frames. */
  readonly arrivals = new Map<Session, Arrival>();
  /** The version of the last broadcast, or of the first member's `room_joined`. */
  version: number;

  constructor(version: number) {
    this.version = version;
  }
}

export class Hub implements EdgeListener {
  readonly #rooms = new Map<RoomKey, Room>();
  readonly #users = new Map<string, Set<Session>>();
  readonly #direct = new LRUCache<RoomKey, number>({ max: directVersions });
  /** Rooms with arrivals. */
  #touched: Room[] = [];
  readonly #metrics: EdgeMetrics;
  readonly #log: Log;
  /** Writes what sockets are to get: at the end of a frame, or of the turn for what belongs to no frame. */
  readonly flusher = new Flusher(() => {
    this.settle();
  });

  constructor(metrics: EdgeMetrics, log: Log) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** The sockets of a user, none when there are none. */
  socketsOf(userId: string): ReadonlySet<Session> {
    return this.#users.get(userId) ?? nobody;
  }

  addUser(userId: string, session: Session): void {
    const sockets = this.#users.get(userId);
    if (sockets === undefined) this.#users.set(userId, new Set([session]));
    else sockets.add(session);
  }

  removeUser(userId: string, session: Session): void {
    const sockets = this.#users.get(userId);
    if (sockets?.delete(session) === true && sockets.size === 0) this.#users.delete(userId);
  }

  /**
   * A join committed. Called within the replies of its frame.
   * @param version of the room as in `room_joined`
   * @param packets what the joiner alone gets, `room_joined` first
   */
  join(key: RoomKey, session: Session, at: number, version: number, packets: readonly string[]): void {
    let room = this.#rooms.get(key);
    if (room === undefined) {
      room = new Room(version);
      this.#rooms.set(key, room);
    }
    if (room.arrivals.size === 0) {
      this.#touched.push(room);
      this.flusher.schedule();
    }
    const again = room.members.has(session);
    room.members.add(session);
    session.rooms.add(key);
    if (!again) {
      room.arrivals.set(session, { after: at, repeats: [] });
      for (const packet of packets) session.push(packet);
      return;
    }
    const arrival = room.arrivals.get(session) ?? { after: -1, repeats: [] };
    arrival.repeats.push({ at, packets });
    room.arrivals.set(session, arrival);
  }

  leave(key: RoomKey, session: Session): void {
    session.rooms.delete(key);
    const room = this.#rooms.get(key);
    if (room?.members.delete(session) !== true) return;
    if (room.arrivals.has(session)) deliverRepeats(room, session);
    if (room.members.size === 0) this.#rooms.delete(key);
  }

  onBursts(bursts: readonly Burst[]): void {
    for (const burst of bursts) {
      if (isDirect(burst.key)) this.#deliverDirect(burst);
      else this.#deliverRoom(burst);
    }
    this.settle();
    this.flusher.flush();
  }

  /** The frame is over: everyone in a room is an ordinary member. */
  settle(): void {
    if (this.#touched.length === 0) return;
    for (const room of this.#touched) for (const session of room.arrivals.keys()) deliverRepeats(room, session);
    this.#touched = [];
  }

  announce(key: RoomKey): AnnounceCommand | null {
    const occupants: [string, string][] = [];
    for (const session of this.#rooms.get(key)?.members ?? nobody) {
      if (session.identity !== null) occupants.push([session.identity.userId, session.id]);
    }
    return occupants.length === 0 ? null : { kind: 'announce', key, id: uuidv7(), occupants };
  }

  occupiedRooms(): Iterable<RoomKey> {
    return this.#rooms.keys();
  }

  #deliverRoom({ key, events }: Burst): void {
    const room = this.#rooms.get(key);
    if (room === undefined) return;
    const fresh = this.#fresh(key, room.version, events);
    room.version = fresh.version;
    const burst = new OutgoingBurst(roomIdOf(key), fresh.events, fresh.version);
    if (fresh.events.length === 0) return;
    for (const session of room.members) {
      const arrival = room.arrivals.size === 0 ? undefined : room.arrivals.get(session);
      if (arrival === undefined) this.#give(session, burst);
      else {
        this.#giveArrival(session, arrival, burst);
        room.arrivals.set(session, { after: Infinity, repeats: [] });
      }
    }
  }

  /** All sockets of both users hear of a direct conversation, whatever they joined. */
  #deliverDirect({ key, events }: Burst): void {
    const [one, other] = directUsers(key) ?? ['', ''];
    const first = this.socketsOf(one);
    const second = one === other ? nobody : this.socketsOf(other);
    if (first.size === 0 && second.size === 0) {
      // Nobody saw these versions: the next listener starts anew.
      this.#direct.delete(key);
      return;
    }
    const fresh = this.#fresh(key, this.#direct.get(key) ?? null, events);
    this.#direct.set(key, fresh.version);
    if (fresh.events.length === 0) return;
    const burst = new OutgoingBurst(null, fresh.events, fresh.version);
    for (const session of first) this.#give(session, burst);
    for (const session of second) this.#give(session, burst);
  }

  /**
   * Drops what was broadcast before (a frame whose outcome had been lost) and announces a hole before what follows it.
   * @param seen the last version delivered; null when it is not known
   */
  #fresh(
    key: RoomKey,
    seen: number | null,
    events: readonly PlacedBroadcast[],
  ): { readonly events: readonly PlacedBroadcast[]; readonly version: number } {
    let version = seen;
    let place = -1;
    const kept: PlacedBroadcast[] = [];
    for (const event of events) {
      // Several broadcasts of one change share its version and place.
      if (event.version !== null && !(event.version === version && event.at === place)) {
        if (version !== null && event.version <= version) continue;
        if (version !== null && event.version > version + 1) kept.push(this.#gap(key, version, event));
        version = event.version;
        place = event.at;
      }
      kept.push(event);
    }
    return { events: kept, version: version ?? 0 };
  }

  #gap(key: RoomKey, version: number, next: PlacedBroadcast): PlacedBroadcast {
    const roomId = roomIdOf(key);
    this.#metrics.gaps += 1;
    this.#log.error(
      { roomId, delivered: version, next: next.version },
      'hole in the stream of a room announced to its sockets',
    );
    const body = JSON.stringify({ roomId, version: next.version, reason: 'gap' });
    return { packet: `["resync_required",${body}]`, version: next.version, except: null, at: next.at };
  }

  #give(session: Session, burst: OutgoingBurst): void {
    const slow = session.slow;
    if (!slow && burst.excepted === null) {
      session.push(burst.all);
      return;
    }
    const userId = session.identity?.userId ?? '';
    const view = burst.viewFor(userId, slow);
    if (slow) this.#metrics.shedBroadcasts += burst.ephemeral;
    if (view !== null) session.push(view);
  }

  #giveArrival(session: Session, { after, repeats }: Arrival, burst: OutgoingBurst): void {
    const userId = session.identity?.userId ?? '';
    let from = after;
    for (const { at, packets } of repeats) {
      const before = burst.between(userId, from, at, false);
      if (before !== null) session.push(before);
      for (const packet of packets) session.push(packet);
      from = at;
    }
    const rest = burst.between(userId, from, Infinity, false);
    if (rest !== null) session.push(rest);
  }
}

const nobody: ReadonlySet<Session> = new Set();

/** What repeated joins were to put between broadcasts, when there are no broadcasts left to wait for. */
function deliverRepeats(room: Room, session: Session): void {
  const arrival = room.arrivals.get(session);
  room.arrivals.delete(session);
  for (const { packets } of arrival?.repeats ?? []) for (const packet of packets) session.push(packet);
}
