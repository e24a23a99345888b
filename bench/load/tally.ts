/** The counters that all members of one load share; only what falls into the measured window counts here. */
import { LatencyHistogram } from './latency.js';

export class Tally {
  measuring = false;
  acked = 0;
  deliveries = 0;
  readonly latency = new LatencyHistogram();

  /** @param started when the message was sent, in ms of `performance.now` */
  answered(started: number): void {
    if (!this.measuring) return;
    this.acked += 1;
    this.latency.record(performance.now() - started);
  }
}

/** Of an open loop: acks count when they come, latencies when their message was to be sent, however late the ack. */
export class ScheduleTally extends Tally {
  #from = Infinity;
  #to = Infinity;

  /** Begins a step: messages that are to be sent from `from` until before `to` are measured. */
  begin(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
    this.acked = 0;
    this.deliveries = 0;
    this.latency.reset();
  }

  override answered(started: number): void {
    if (this.measuring) this.acked += 1;
    if (this.holds(started)) this.latency.record(performance.now() - started);
  }

  /** Whether a message that is to be sent at this time is measured. */
  holds(time: number): boolean {
    return time >= this.#from && time < this.#to;
  }
}
