/** How late a thread's event loop runs: the delay of a timer beyond its time, since the last reading. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';
import { prefix } from './registry.js';

const resolutionMs = 10;

/**
 * Watches the loop of the thread that calls it, into a gauge with the quantiles since the last scrape (with several
 * scrapers each sees the time since the other's). It keeps no thread alive. Returns what ends it.
 * @param worker the thread's name in the label
 */
export function watchLoopDelay(registry: Registry, worker: string): () => void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // The histogram measures the whole interval between two ticks of its timer: the interval itself is no delay.
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3);
  new Gauge({
    name: `${prefix}event_loop_delay_seconds`,
    help: 'How late the event loop of a thread ran since the last scrape',
    labelNames: ['worker', 'quantile'],
    registers: [registry],
    collect() {
      this.set({ worker, quantile: '0.5' }, seconds(histogram.percentile(50)));
      this.set({ worker, quantile: '0.99' }, seconds(histogram.percentile(99)));
      this.set({ worker, quantile: '1' }, histogram.count === 0 ? 0 : seconds(histogram.max));
      histogram.reset();
    },
  });
  return () => void histogram.disable();
}
