/** A case of the closed loop: the same shape of load on the service and on its yardsticks. */
import { rmSync } from 'node:fs';
import { benchCase, inOrder, type BenchCase, type Context } from '../case.js';
import { summarize } from '../profile/summary.js';
import { outFolder } from '../root.js';
import type { LoadRound, Measured } from '../results.js';
import { subjectTitles, type SubjectName } from '../subjects.js';
import { faultsOf, measure } from './round.js';
import { ackedRate, fitted, shapes, type Shape } from './shapes.js';
import { judge, loadTable } from './tables.js';

async function measureRound(shape: Shape, context: Context): Promise<LoadRound> {
  const { options, postgres, outputFile, say } = context;
  const profiles = `${outFolder}/profile-${shape.name}`;
  if (options.profile && context.round === 1) rmSync(profiles, { recursive: true, force: true });
  const flags = options.profile ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [];
  const order = inOrder(context, context.subjects);
  const subjects: Partial<Record<SubjectName, Measured>> = {};
  for (const name of order) {
    const measured = await measure(
      name,
      fitted(shape, options),
      options,
      postgres,
      { settings: options.settings, flags },
      outputFile(name),
    );
    subjects[name] = measured;
    const rate = String(Math.round(ackedRate(measured))).padStart(7);
    say(`${subjectTitles[name].padEnd(40)} ${rate} acked/s  ${faultsOf(measured.validation) ?? ''}`);
  }
  if (options.profile) say(summarize(profiles));
  return { order, subjects };
}

function closedCase(shape: Shape): BenchCase {
  return benchCase<LoadRound>({
    name: shape.name,
    title: shape.title,
    profiled: true,
    parameters: (options) => {
      const { rooms, members, senders, inFlight } = fitted(shape, options);
      const { warmupMs, windowMs } = options;
      return { rooms, members, senders, inFlight, warmupMs, windowMs };
    },
    measure: (context) => measureRound(shape, context),
    faults: ({ order, subjects }) =>
      order.flatMap((name) => {
        const fault = subjects[name] === undefined ? null : faultsOf(subjects[name].validation);
        return fault === null ? [] : [`${name}: ${fault}`];
      }),
    goals: (rounds) => judge(shape, rounds),
    tables: loadTable,
  });
}

export const closedCases: readonly BenchCase[] = shapes.map(closedCase);
