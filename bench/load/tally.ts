/** The counters that all members of one load share; only what falls into the measured window counts here. */
import { build, type Histogram } from 'hdr-histogram-js';
import type { Latency } from './plan.js';

export class Tally {
  measuring = false;
  acked = 0;
  deliveries = 0;
  /** Microseconds, three digits, up to a minute. */
  readonly #latency: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });

  /** @param ms from send to ack */
  answered(ms: number): void {
    if (!this.measuring) return;
    this.acked += 1;
    this.#latency.recordValue(Math.min(60_000_000, Math.max(1, Math.round(ms * 1000))));
  }

  latency(): Latency {
    const at = (percentile: number) => this.#latency.getValueAtPercentile(percentile) / 1000;
    return {
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: this.#latency.maxValue / 1000,
      mean: this.#latency.mean / 1000,
    };
  }
}
