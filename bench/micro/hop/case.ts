/** The hop case: the mailbox and the way to another thread and back, beside the ways that one would take without them. */
import { benchCase } from '../../case.js';
import { runProgram, type Measurement, type Program } from '../../child.js';
import type { Judged } from '../../goals.js';
import { figure } from '../../markdown.js';
import { gridFaults, gridRow, gridTable, measureGrid, middleAt, ratioAt, sizesOf, timing, type Grid } from '../grid.js';
import type { HopFigure, HopPlan } from './program.js';
import { wayNames, type WayName } from './ways.js';

type HopGrid = Grid<WayName, HopFigure>;

const hopProgram: Program<HopFigure> = {
  script: 'micro/hop/program.js',
  figures: ['windowMs', 'replies', 'cpuMs', 'commandBytes'],
};

/** Commands on their way at once. */
const sizes = [1, 16, 100, 400];
const sizesOfSmoke = [400];
/** As many as in the busy case: 10 rooms of 10 with 4 each. */
const sizeOfGoal = 400;

const titles: Readonly<Record<WayName, string>> = {
  lanes: 'this service: lanes and frames',
  post: '`postMessage` per message',
  run: '`pool.run` of piscina per message',
};

const rate = ({ figures: { replies, windowMs } }: Measurement<HopFigure>): number => (replies / windowMs) * 1000;
const cpu = ({ figures: { replies, cpuMs } }: Measurement<HopFigure>): number => (cpuMs * 1000) / replies;

function goals(rounds: readonly HopGrid[]): readonly Judged[] {
  return [
    {
      title: `the hop between threads alone, ${sizeOfGoal} commands of 250 bytes in flight, replies included`,
      against: '`postMessage` per message, replies/s',
      bound: 'at least',
      limit: 2,
      unit: 'x',
      figure: ratioAt(rounds, ['lanes', 'post'], sizeOfGoal, rate),
    },
  ];
}

function tables(rounds: readonly HopGrid[]): string {
  const [size = 0] = sizesOf(rounds);
  const bytes = middleAt(rounds, 'lanes', size, ({ figures }) => figures.commandBytes);
  return [
    gridTable(rounds, 'replies/s, by commands in flight', titles, rate, (all) => [
      gridRow('this service to `postMessage`', all, (one) => ratioAt(rounds, ['lanes', 'post'], one, rate)),
    ]),
    gridTable(rounds, 'µs of CPU per command, both threads', titles, cpu),
    `A command takes ${figure(bytes)} bytes between threads; its reply brings the message object and the event made of it.`,
  ].join('\n\n');
}

export const hopCase = benchCase<HopGrid>({
  name: 'hop',
  title: 'a command to another thread and its reply back, alone',
  parameters: (options) => ({ sizes: sizes.join(', '), rooms: 10, ...timing(options, sizes) }),
  measure: async (context) => {
    const { options, say } = context;
    const wanted = options.smoke ? sizesOfSmoke : sizes;
    return measureGrid(context, wayNames, wanted, async (way, inFlight) => {
      const plan: HopPlan = { way, inFlight, ...timing(options, wanted) };
      const measured = await runProgram(hopProgram, plan);
      say(
        `${titles[way].padEnd(40)} ${String(inFlight).padStart(4)} in flight ${figure(rate(measured)).padStart(8)} replies/s`,
      );
      return measured;
    });
  },
  faults: gridFaults,
  goals,
  tables,
});
