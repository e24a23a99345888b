/** What the harness tells the load client and what it gets back: plain data that crosses the process boundary. */
import type { Idle, IdleResult } from './idle.js';
import type { Receipts, ReceiptsResult } from './receipts.js';
import type { Reconnect, ReconnectResult } from './reconnect.js';
import type { Spread } from './spread.js';

/** Rooms full of members. */
export interface Rooms {
  readonly port: number;
  /** HS256 secret with which the tokens of the members are signed. */
  readonly secret: string;
  readonly rooms: number;
  /** Begins the ids of rooms and users, so that two loads can have their own; `bench` unless given. */
  readonly prefix?: string;
  /** Sockets per room, each of a user of its own. */
  readonly members: number;
  /** Of them, how many send. */
  readonly senders: number;
  /** Characters of each message's content (ASCII). */
  readonly contentLength: number;
}

/** A closed loop: every sender keeps `inFlight` messages unanswered and sends the next one when an answer comes. */
export interface ClosedLoop extends Rooms {
  readonly kind: 'closed-loop';
  readonly inFlight: number;
  readonly warmupMs: number;
  /** Null: from the end of the warm-up until the harness has done what it does at the window's start. */
  readonly windowMs: number | null;
}

/**
 * An open loop: messages are sent by a clock, whatever the server does, in steps of rising rates on the same sockets. The
 * steps end with the first rate that the server cannot follow, tried twice.
 */
export interface OpenLoop extends Rooms {
  readonly kind: 'open-loop';
  /** Messages per second over all senders, one step each. */
  readonly rates: readonly number[];
  /** Of each step. */
  readonly warmupMs: number;
  readonly windowMs: number;
}

/** Touches each of `rooms` rooms with one message per pass, from sockets that are in none of them. */
export interface Touch {
  readonly kind: 'touch';
  readonly port: number;
  readonly secret: string;
  /** First part of the room ids, so that two loads can use different rooms. */
  readonly prefix: string;
  /** First part of the user ids. Users number their messages from 1: the same user again would be answered as a retry. */
  readonly users: string;
  readonly rooms: number;
  readonly sockets: number;
  readonly inFlight: number;
  readonly contentLength: number;
  /** How many messages each room gets. */
  readonly passes: number;
}

/** What each kind of load results in. */
export interface Outcomes {
  readonly 'closed-loop': LoadResult;
  readonly 'open-loop': OpenResult;
  readonly touch: LoadResult;
  readonly spread: LoadResult;
  readonly receipts: ReceiptsResult;
  readonly reconnect: ReconnectResult;
  readonly idle: IdleResult;
}

export type LoadPlan = ClosedLoop | OpenLoop | Touch | Spread | Receipts | Reconnect | Idle;
export type OutcomeOf<Plan extends LoadPlan> = Outcomes[Plan['kind']];

/** In ms. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

/** What the clients saw, over the whole run and not only in the window. All but `acked` and `sampled` should be 0. */
export interface Validation {
  /** Messages acked from the first to the last one. */
  readonly acked: number;
  /** Sockets that checked the seq of every message; each 64th of those messages was parsed and compared in full. */
  readonly sampled: number;
  /** Sends answered by a refusal. */
  readonly refused: number;
  /** Sends that were never answered. */
  readonly unanswered: number;
  /** Deliveries short of acked x members, over all sockets. */
  readonly missing: number;
  /** Deliveries beyond it. */
  readonly extra: number;
  /** Messages that did not carry the seq after the one before, at the sampled sockets. */
  readonly disorder: number;
  /** Fully parsed messages that differ from what was sent. */
  readonly wrong: number;
  /** Sockets that were closed, and acks that belonged to no message. */
  readonly broken: number;
}

export interface LoadResult {
  readonly windowMs: number;
  /** In the window. */
  readonly acked: number;
  /** In the window: `new_message` events read, over all sockets. */
  readonly deliveries: number;
  /** From writing a message to reading its ack. */
  readonly latency: Latency;
  /** CPU seconds the load client itself used per second of the window: near 1.0 it would be the bottleneck. */
  readonly clientCpu: number;
  readonly validation: Validation;
}

/** One rate of an open loop; the second of two steps of the same rate repeats one that was not followed. */
export interface OpenStep {
  /** Messages per second that the clock asked for. */
  readonly offered: number;
  readonly windowMs: number;
  /** In the window. */
  readonly acked: number;
  readonly deliveries: number;
  /**
   * From the moment at which a message was to be sent to reading its ack, of all messages that were to be sent in the window,
   * whenever their ack came: a server that stalls is charged for those that had to wait meanwhile.
   */
  readonly latency: Latency;
  /** From that moment to writing the message: the load client's own share of `latency`. */
  readonly lag: Latency;
  /** Of the whole step: sends answered by a refusal, … */
  readonly refused: number;
  /** … and sends that were not made, because their sender had as many unanswered as it can keep apart. */
  readonly withheld: number;
  readonly clientCpu: number;
  /** Whether the server did not follow. */
  readonly saturated: boolean;
}

export interface OpenResult {
  readonly steps: readonly OpenStep[];
  readonly validation: Validation;
}

/** Load client → harness. `window` brackets the measured time, so that the harness can read the servers' CPU clocks. */
export type LoadReport =
  | { readonly type: 'window'; readonly edge: 'start' | 'end' }
  | { readonly type: 'result'; readonly result: Outcomes[LoadPlan['kind']] };

/** Harness → load client, after the plan: what the harness did at the window's start is done. Only some loads wait for it. */
export interface Resume {
  readonly type: 'resume';
}
