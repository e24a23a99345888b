/**
 * The way of one partition's commands: to this node's own workers, or over the bus to the node that holds it.
 *
 *             owner known, nothing in flight: rooms followed, sockets announced
 *   ┌────────┐ ───────────────────────────────────────────────────────────────▶ ┌──────┐
 *   │ closed │                                                                  │ open │ commands pass straight through
 *   └────────┘ ◀─────────────────────────────────────────────────────────────── └──────┘
 *             the owner or its epoch changed, or a command came back unanswered or `moved`
 *
 * While closed, commands are parked. It opens only when everything sent to the former owner was answered or given back;
 * what came back goes first, marked as resent. So commands keep their order, wherever the partition goes.
 */
import type { AnnounceCommand } from '../../actors/protocol/commands.js';
import type { RoomKey } from '../../actors/protocol/ids.js';
import { reject, type RejectionCode } from '../../actors/rejections.js';
import type { LaneOutcome } from '../frames.js';
import { Parking, type Entry, type ParkingSpace } from './parking.js';
import type { Owner } from './port.js';

/** Null: no answer came in time. */
export type RouteReply = (outcome: LaneOutcome | null, at: number) => void;

/** What a route asks of its router. */
export interface RouteHooks {
  readonly now: () => number;
  /** Who holds the partition now; null while nobody is known to, or this node not yet or no longer. */
  owner(partition: number): Owner | null;
  isLocal(owner: Owner): boolean;
  offer(entry: Entry, to: Owner, replyTo: RouteReply): void;
  /** Rooms of the partition with sockets of this node. */
  occupied(partition: number): readonly RoomKey[];
  announcement(key: RoomKey): AnnounceCommand | null;
  entryOf(command: AnnounceCommand): Entry;
  follow(key: RoomKey): Promise<void>;
  /** The owner may not be the one we took it for. */
  onMoved(): void;
}

/** Between two tries at the same owner, who did not answer or says that it is not: doubled up to the latter. */
const shortestPauseMs = 20;
const longestPauseMs = 400;
/** A stream that cannot be followed by then is left to the polling of heads. */
const followMs = 1_000;

export class Route {
  readonly partition: number;
  readonly #hooks: RouteHooks;
  readonly #parking: Parking;
  /** To whom commands go, or went last; null before the first. */
  #target: Owner | null = null;
  /** Who was told of our sockets; null when nobody, or when an announcement failed. */
  #announced: Owner | null = null;
  /** Whose rooms are followed. */
  #following: Owner | null = null;
  #open = false;
  #inFlight = 0;
  /** What everything parked waits for, and since when (ms, monotonic); null when nothing. */
  #gate: { readonly since: number } | null = null;
  /** Not to be opened earlier (ms, monotonic). */
  #pausedUntil = 0;
  #pauseMs = 0;
  #pumping = false;
  #closed = false;

  constructor(partition: number, capacity: number, space: ParkingSpace, hooks: RouteHooks) {
    this.partition = partition;
    this.#hooks = hooks;
    this.#parking = new Parking(capacity, space);
  }

  /** Nothing waits and nothing is on its way. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#parking.size === 0;
  }

  get parked(): number {
    return this.#parking.size;
  }

  submit(entry: Entry): void {
    if (this.#closed) refuse(entry, 'UNAVAILABLE');
    else if (this.#open && this.#gate === null && this.#parking.size === 0 && !this.#mustFollow(entry))
      this.#dispatch(entry);
    else if (this.#parking.offer(entry)) this.#pump();
    else refuse(entry, 'OVERLOADED');
  }

  /** The owner may have changed. */
  refresh(): void {
    const owner = this.#hooks.owner(this.partition);
    if (same(owner, this.#target) && (this.#open || this.#pausedUntil > 0)) return;
    this.#open = false;
    this.#pausedUntil = 0;
    this.#pauseMs = 0;
    this.#pump();
  }

  /** The sockets of this node are to be announced again: the owner forgot all of them. */
  forget(): void {
    this.#announced = null;
    this.#open = false;
    this.#pump();
  }

  /** Answers what has waited too long, and does what was put off until now. */
  sweep(now: number): void {
    for (const entry of this.#parking.expire(now)) refuse(entry, 'UNAVAILABLE');
    if (this.#gate !== null && this.#gate.since + followMs <= now) this.#gate = null;
    if (this.#pausedUntil <= now) this.#pump();
  }

  /** Answers everything that is parked, and whatever comes or comes back from now on. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#parking.expire(Infinity)) refuse(entry, 'UNAVAILABLE');
  }

  #pump(): void {
    // A command that is answered while it is offered gets here from within.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#step());
    this.#pumping = false;
  }

  /** False when there is nothing to do, or something to wait for. */
  #step(): boolean {
    if (this.#gate !== null) return false;
    if (!this.#open) return this.#reopen();
    const entry = this.#parking.peek();
    if (entry === undefined) return false;
    if (this.#mustFollow(entry)) {
      entry.followed = true;
      this.#wait([entry.command.key]);
      return false;
    }
    this.#parking.shift();
    this.#dispatch(entry);
    return true;
  }

  #reopen(): boolean {
    if (this.#inFlight > 0 || this.#hooks.now() < this.#pausedUntil) return false;
    const owner = this.#hooks.owner(this.partition);
    if (owner === null) return false;
    this.#target = owner;
    if (!same(this.#announced, owner)) {
      const keys = this.#hooks.occupied(this.partition);
      if (!same(this.#following, owner) && !this.#hooks.isLocal(owner) && keys.length > 0) {
        this.#following = owner;
        this.#wait(keys);
        return false;
      }
      this.#announced = owner;
      this.#announce(keys);
    }
    // An announcement that failed at once has closed the route again.
    this.#open = same(this.#announced, owner);
    return true;
  }

  /** Before everything else: the actors of a new owner know nobody. */
  #announce(keys: readonly RoomKey[]): void {
    for (const key of keys) {
      // One was refused at once: all of them are made again a little later.
      if (this.#announced === null) return;
      const command = this.#hooks.announcement(key);
      if (command !== null) this.#dispatch(this.#hooks.entryOf(command));
    }
  }

  #mustFollow({ command, followed }: Entry): boolean {
    return command.kind === 'join' && !followed && this.#target !== null && !this.#hooks.isLocal(this.#target);
  }

  #wait(keys: readonly RoomKey[]): void {
    const gate = { since: this.#hooks.now() };
    this.#gate = gate;
    void Promise.all(keys.map((key) => this.#hooks.follow(key))).finally(() => {
      if (this.#gate !== gate) return;
      this.#gate = null;
      this.#pump();
    });
  }

  #dispatch(entry: Entry): void {
    const target = this.#target;
    if (target === null) return;
    this.#inFlight += 1;
    this.#hooks.offer(entry, target, (outcome, at) => {
      this.#inFlight -= 1;
      if (outcome === null || 'moved' in outcome) this.#cameBack(entry, target);
      else {
        this.#pauseMs = 0;
        if (entry.command.kind === 'announce' && !outcome.ok) this.#putOff(target);
        answer(entry, outcome, at);
      }
      if (!this.#open) this.#pump();
    });
  }

  #cameBack(entry: Entry, target: Owner): void {
    if (this.#closed) return refuse(entry, 'UNAVAILABLE');
    entry.resent = true;
    if (entry.command.kind === 'announce') this.#announced = null;
    // Whoever waited for it may have been told already that it took too long.
    else if (entry.replyTo !== null) this.#parking.giveBack(entry);
    this.#open = false;
    this.#hooks.onMoved();
    if (same(this.#hooks.owner(this.partition), target)) this.#pause();
  }

  /** An announcement was refused: it is made again a little later, and before anything else. */
  #putOff(target: Owner): void {
    if (!same(this.#announced, target)) return;
    this.#announced = null;
    this.#open = false;
    this.#pause();
  }

  #pause(): void {
    const now = this.#hooks.now();
    if (this.#pausedUntil > now) return;
    this.#pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, this.#pauseMs * 2));
    this.#pausedUntil = now + this.#pauseMs;
  }
}

function same(one: Owner | null, other: Owner | null): boolean {
  return one === other || (one?.node === other?.node && one?.epoch === other?.epoch);
}

function answer(entry: Entry, outcome: Exclude<LaneOutcome, { moved: true }>, at: number): void {
  const { replyTo } = entry;
  entry.replyTo = null;
  replyTo?.(outcome, at);
}

export function refuse(entry: Entry, code: RejectionCode): void {
  answer(entry, { ok: false, rejection: reject(code) }, 0);
}
