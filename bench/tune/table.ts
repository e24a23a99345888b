/** What a sweep says, for the terminal. */
import { figure, table } from '../markdown.js';
import type { Settings } from './judge.js';
import type { Row, Tuned } from './sweep.js';

/** As an environment file has them; the defaults have no line. */
export function environment(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return lines.length === 0 ? 'the defaults' : lines.join(' ');
}

function cells({ settings, base, verdict }: Row): string[] {
  const { gain, ratios, rate, p99, better } = verdict;
  return [
    environment(settings),
    environment(base),
    figure(rate),
    figure(p99),
    `${figure(gain)}x`,
    `${figure(Math.min(...ratios))}-${figure(Math.max(...ratios))}x`,
    better ? 'better' : 'within the noise or worse',
  ];
}

/** The table of all that was tried, and what follows from it. */
export function summary({ rows, recommended, confirmed, noise }: Tuned): string {
  const all = confirmed === null ? rows : [...rows, confirmed];
  const text = table(['setting', 'beside', 'acked/s', 'p99 ms', 'gain', 'of all rounds', 'verdict'], all.map(cells));
  const seen = `two measurements of the same setting differed by up to ${figure(noise * 100)} %`;
  if (Object.keys(recommended).length === 0)
    return `${text}\n\nThe defaults are fine: nothing beats them by more than the noise (${seen}).`;
  const gain = figure(confirmed?.verdict.gain ?? NaN);
  const lines = Object.entries(recommended).map(([name, value]) => `${name}=${value}`);
  return `${text}\n\nRecommended, ${gain}x of the defaults (${seen}):\n\n${lines.join('\n')}`;
}
