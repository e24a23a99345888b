/** What the rounds of a closed loop say. */
import type { Judged } from '../goals.js';
import { clientLoad, figure, table } from '../markdown.js';
import { median, type LoadRound, type Measured } from '../results.js';
import { subjectNames, subjectTitles, type SubjectName } from '../subjects.js';
import { faultsOf } from './round.js';
import { ackedRate, deliveryRate, type RatioGoal, type Shape } from './shapes.js';

/** The goal's figure over all rounds; NaN when a server was not measured. */
export function ratio({ of, against }: Pick<RatioGoal, 'of' | 'against'>, rounds: readonly LoadRound[]): number {
  return median(
    rounds.flatMap(({ subjects }) => {
      const service = subjects.service;
      const other = subjects[against];
      return service === undefined || other === undefined ? [] : [of(service) / of(other)];
    }),
  );
}

/** The median of a server's figure over all rounds; NaN when it was not measured. */
export function middle(name: SubjectName, rounds: readonly LoadRound[], of: (measured: Measured) => number): number {
  return median(rounds.flatMap(({ subjects }) => (subjects[name] === undefined ? [] : [of(subjects[name])])));
}

export function judge(shape: Shape, rounds: readonly LoadRound[]): readonly Judged[] {
  return shape.goals.map((goal) => ({
    title: `${shape.name}: ${shape.title}`,
    against: `${subjectTitles[goal.against]}, ${goal.figure}`,
    bound: goal.bound,
    limit: goal.limit,
    unit: 'x',
    figure: ratio(goal, rounds),
  }));
}

function row(name: SubjectName, rounds: readonly LoadRound[]): string[] {
  const all = rounds.flatMap(({ subjects }) => subjects[name] ?? []);
  const of = (value: (measured: Measured) => number | null) => median(all.map((measured) => value(measured) ?? NaN));
  const rates = all.map(ackedRate);
  const spread = `${figure(Math.min(...rates))}-${figure(Math.max(...rates))}`;
  const faults = new Set(all.flatMap(({ validation }) => faultsOf(validation) ?? []));
  const refused = all.reduce((sum, { validation }) => sum + validation.refused, 0);
  const verdict = [...faults, ...(refused > 0 ? [`${refused} refused`] : [])].join('; ');
  return [
    subjectTitles[name],
    figure(of(ackedRate)),
    spread,
    figure(of(deliveryRate)),
    figure(of(({ latency }) => latency.p50)),
    figure(of(({ latency }) => latency.p99)),
    `${figure(of((m) => m.serverCpu))} / ${figure(of((m) => m.databaseCpu))} / ${clientLoad(of((m) => m.clientCpu))}`,
    verdict === '' ? 'all correct' : verdict,
  ];
}

export function loadTable(rounds: readonly LoadRound[]): string {
  const present = subjectNames.filter((name) => rounds.some(({ subjects }) => subjects[name] !== undefined));
  return table(
    [
      'server',
      'acked/s',
      'of all rounds',
      'deliveries/s',
      'ack p50 ms',
      'p99 ms',
      'CPU: server / database / client',
      'validation',
    ],
    present.map((name) => row(name, rounds)),
  );
}
