/** Outcomes in words: a line per run. */
import { faults } from './check/evidence.js';
import type { Outcome } from './run.js';

export function passed({ violations, failure }: Outcome): boolean {
  return violations.length === 0 && failure === null;
}

export function lineOf(outcome: Outcome): string {
  const { nemesis, seed, figures, seconds, failure, violations, late, history } = outcome;
  const wrong = faults.flatMap((fault) => (figures.wrong[fault] > 0 ? [`${fault} ${figures.wrong[fault]}`] : []));
  const first = figures.firstAckMs === null ? '' : `, first ack ${figures.firstAckMs} ms after a start`;
  const lines = [
    `${passed(outcome) ? '✔' : '✘'} ${nemesis} (seed ${seed}, ${seconds} s): ${figures.acked} acked, ` +
      `${wrong.length === 0 ? 'nothing wrong' : wrong.join(', ')}, silence ${figures.silenceMs} ms, take-over ${figures.takeOverMs} ms, ` +
      `late delivery ${figures.lateMs} ms${first}, ${figures.refused} refused, ${figures.unanswered} unanswered, ${figures.reconnects} reconnects`,
    ...late.map((text) => `    late: ${text}`),
    ...(failure === null ? [] : [`    broke off: ${failure}`]),
    ...violations.slice(0, 10).map(({ law, fault, room, detail }) => `    law ${law}, ${fault}, ${room}: ${detail}`),
    ...(violations.length > 10 ? [`    and ${violations.length - 10} more`] : []),
    ...(passed(outcome) ? [] : [`    history: ${history}`]),
  ];
  return lines.join('\n');
}
