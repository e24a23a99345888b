/** The short report of one replay. */
import type { Ledger } from './ledger.js';
import type { Played } from './player.js';

export interface Outcome {
  readonly log: string;
  readonly room: string;
  readonly entries: number;
  readonly played: Played;
  readonly ledger: Ledger;
  readonly stored: number;
}

/** The value below which a share of the samples lies; 0 without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Whether nothing was lost, doubled, changed or out of order, and every line was acked or honestly refused. */
export function passed({ ledger, played }: Outcome): boolean {
  const { lost, doubled, disorder, changed } = ledger.faults;
  const refused = [...ledger.refused.values()].reduce((sum, count) => sum + count, 0);
  return lost + doubled + disorder + changed === 0 && ledger.acked.length + refused === played.said;
}

/** A handful of lines for a terminal. */
export function report(outcome: Outcome): string {
  const { ledger, played } = outcome;
  const seconds = Math.max(0.001, (ledger.ended - ledger.started) / 1000);
  const refused = [...ledger.refused].map(([code, count]) => `${count} ${code}`).join(', ');
  const { lost, doubled, disorder, changed } = ledger.faults;
  const lines = [
    `${outcome.log} in room ${outcome.room}: ${passed(outcome) ? 'passed' : 'FAILED'}`,
    `  log        ${outcome.entries} lines, ${played.nicks} nicks, ${played.skipped} lines without chat, ${played.split} split`,
    `  messages   ${ledger.acked.length} acked, ${outcome.stored} stored, ${ledger.deliveries} delivered${refused === '' ? '' : `, refused ${refused}`}`,
    `  clients    ${played.mostClients} at once, ${ledger.reconnects} reconnected, ${ledger.retries} retries, ${ledger.catchUps} catch-ups, ${ledger.resyncs} resyncs`,
    `  speed      ${(ledger.acked.length / seconds).toFixed(0)} acked/s, p50 ${percentile(ledger.latencies, 0.5).toFixed(1)} ms, p99 ${percentile(ledger.latencies, 0.99).toFixed(1)} ms`,
    `  checked    lost: ${lost}, doubled: ${doubled}, out of order: ${disorder}, changed: ${changed}`,
    ...ledger.violations.slice(0, 10).map(({ fault, detail }) => `  ! ${fault}: ${detail}`),
  ];
  return lines.join('\n');
}
