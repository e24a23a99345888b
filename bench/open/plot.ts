import type { Plot } from '../plot.js';
import type { LatencyRound } from './round.js';
export function latencyPlot(_: readonly LatencyRound[]): readonly Plot[] {
  return [];
}
