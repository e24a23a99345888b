/** Latency against offered load: what users feel below saturation, and where saturation begins. */
import { benchCase, inOrder, type Context } from '../case.js';
import { faultsOf } from '../closed/round.js';
import { figure } from '../markdown.js';
import type { Options } from '../options.js';
import { subjectTitles, type SubjectName } from '../subjects.js';
import { latencyPlot } from './plot.js';
import { measureSteps, type LatencyRound, type MeasuredSteps, type Steps } from './round.js';
import { latencyTables } from './tables.js';

/** The rooms of the busy shape. */
const shape = { rooms: 10, members: 10, senders: 10 };
/** Messages per second, each about 1.4 times the one before: close enough to see where a curve turns up. */
const rates = [250, 350, 500, 700, 1000, 1400, 2000, 2800, 4000, 5600, 8000, 11_000, 16_000, 22_000, 32_000, 45_000];
const smokeRates = [100, 200];
/** A round takes minutes. */
const maxRounds = 3;

function stepsOf({ smoke, warmupMs, windowMs }: Options): Steps {
  const count = smoke ? smokeRates.length : 1;
  return {
    ...shape,
    rates: smoke ? smokeRates : rates,
    // The sockets are the same in all steps, and so is the server, warm from the second one on.
    warmupMs: Math.min(warmupMs, 1000) / count,
    windowMs: windowMs / count,
  };
}

async function measure(context: Context): Promise<LatencyRound> {
  const order = inOrder(context, context.subjects);
  const subjects: Partial<Record<SubjectName, MeasuredSteps>> = {};
  for (const name of order) {
    const measured = await measureSteps(name, stepsOf(context.options), context);
    subjects[name] = measured;
    const last = measured.steps.at(-1);
    const rate = last === undefined ? '-' : figure((last.acked / last.windowMs) * 1000);
    const end = last?.saturated === true ? `saturated at ${figure(last.offered)}/s offered` : 'never saturated';
    context.say(
      `${subjectTitles[name].padEnd(40)} ${rate.padStart(7)} acked/s, ${end}  ${faultsOf(measured.validation) ?? ''}`,
    );
  }
  return { order, subjects };
}

export const latencyCase = benchCase<LatencyRound>({
  name: 'latency',
  title: 'latency against offered load, 10 rooms of 10, all sending by the clock',
  maxRounds,
  parameters: (options) => {
    const { rates: offered, ...load } = stepsOf(options);
    return { ...load, rates: offered.join(', ') };
  },
  measure,
  faults: ({ order, subjects }) =>
    order.flatMap((name) => {
      const fault = subjects[name] === undefined ? null : faultsOf(subjects[name].validation);
      return fault === null ? [] : [`${name}: ${fault}`];
    }),
  goals: () => [],
  tables: latencyTables,
  plots: latencyPlot,
});
