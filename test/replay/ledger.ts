/**
 * What one replay was promised and what its clients saw, kept small: one record per message of the room, and every
 * further sight of it compared at once, so that memory grows with the log and not with log times clients.
 */
import { performance } from 'node:perf_hooks';
import type { Violation } from '../harness/laws.js';
import type { WireMessage } from '../harness/wire.js';

/** A message that was sent and acked. */
export interface Acked {
  readonly clientMsgId: string;
  readonly nick: string;
  readonly content: string;
  readonly id: string;
  readonly seq: number;
}

/** Violations listed by name; beyond that they are only counted, so that a broken service cannot fill the memory. */
const listed = 100;

export class Ledger {
  readonly acked: Acked[] = [];
  /** Milliseconds from a message's first sending to its ack. */
  readonly latencies: number[] = [];
  readonly violations: Violation[] = [];
  readonly faults = { lost: 0, doubled: 0, disorder: 0, changed: 0 };
  /** The highest seq that an ack told. */
  head = 0;
  deliveries = 0;
  /** Refusals after which a client waited and repeated its message. */
  retries = 0;
  /** Connections that broke and were made again. */
  reconnects = 0;
  /** Joins that brought what had changed since the last stay. */
  catchUps = 0;
  /** Catch-ups that the service declined with `resync_required`. */
  resyncs = 0;
  /** Messages that the service refused for good, by code. */
  readonly refused = new Map<string, number>();
  readonly started = performance.now();
  ended = 0;
  readonly #known = new Map<number, { readonly id: string; readonly content: string; readonly sender: string }>();

  fault(violation: Violation): void {
    this.faults[violation.fault] += 1;
    if (this.violations.length < listed) this.violations.push(violation);
  }

  ack(acked: Acked, latency: number): void {
    this.acked.push(acked);
    this.latencies.push(latency);
    this.head = Math.max(this.head, acked.seq);
    this.ended = performance.now();
  }

  /** A client saw a message, live, in a snapshot or in the history: all must see the same one at a seq. */
  saw(room: string, message: WireMessage): void {
    const { id, content, seq, sender_id: sender } = message;
    const known = this.#known.get(seq);
    if (known === undefined) this.#known.set(seq, { id, content, sender });
    else if (known.id !== id)
      this.fault({ room, fault: 'disorder', detail: `seq ${seq} is ${known.id} to some, ${id} to others` });
    else if (known.content !== content || known.sender !== sender)
      this.fault({ room, fault: 'changed', detail: `message ${id} reads differently in two places` });
  }
}
