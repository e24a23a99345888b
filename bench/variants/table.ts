/** What the rounds of variants say. */
import { faultsOf } from '../closed/round.js';
import { ackedRate } from '../closed/shapes.js';
import { figure, table } from '../markdown.js';
import { median, type Measured } from '../results.js';
import { variantRatio, type VariantRound } from './round.js';

/**
 * @param head what the first column is
 * @param names of the variants, in the order of the rows; those that were not measured are left out
 * @param base the variant to which the others are compared
 */
export function variantTable(
  rounds: readonly VariantRound[],
  head: string,
  names: readonly string[],
  base: string,
): string {
  const rows = names.flatMap((name) => {
    const all = rounds.flatMap(({ variants }) => variants[name] ?? []);
    return all.length === 0 ? [] : [row(name, all, variantRatio(rounds, name, base, ackedRate))];
  });
  return table(
    [
      head,
      'acked/s',
      'of all rounds',
      'of the first',
      'ack p50 ms',
      'p99 ms',
      'CPU: server / database / client',
      'CPU per message in µs: server / database',
      'validation',
    ],
    rows,
  );
}

function row(name: string, all: readonly Measured[], ratio: number): string[] {
  const of = (value: (measured: Measured) => number | null) => median(all.map((measured) => value(measured) ?? NaN));
  const perMessage = (cpu: (measured: Measured) => number | null) =>
    of((measured) => ((cpu(measured) ?? NaN) / ackedRate(measured)) * 1e6);
  const rates = all.map(ackedRate);
  const refused = all.reduce((sum, { validation }) => sum + validation.refused, 0);
  const faults = new Set(all.flatMap(({ validation }) => faultsOf(validation) ?? []));
  const verdict = [...faults, ...(refused > 0 ? [`${refused} refused`] : [])].join('; ');
  return [
    name,
    figure(of(ackedRate)),
    `${figure(Math.min(...rates))}-${figure(Math.max(...rates))}`,
    `${figure(ratio)}x`,
    figure(of(({ latency }) => latency.p50)),
    figure(of(({ latency }) => latency.p99)),
    [of((m) => m.serverCpu), of((m) => m.databaseCpu), of((m) => m.clientCpu)].map(figure).join(' / '),
    [perMessage((m) => m.serverCpu), perMessage((m) => m.databaseCpu)].map(figure).join(' / '),
    verdict === '' ? 'all correct' : verdict,
  ];
}
