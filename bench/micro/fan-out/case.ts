/** The fan-out case: bursts of events to the sockets of one room, without anything that makes or stores them. */
import { benchCase } from '../../case.js';
import { runProgram, type Measurement, type Program } from '../../child.js';
import { figure } from '../../markdown.js';
import { gridFaults, gridRow, gridTable, measureGrid, ratioAt, timing, type Grid } from '../grid.js';
import type { FanOutFigure, FanOutPlan } from './program.js';
import { roomNames, type RoomName } from './rooms.js';

type FanOutGrid = Grid<RoomName, FanOutFigure>;

const fanOutProgram: Program<FanOutFigure> = {
  script: 'micro/fan-out/program.js',
  figures: ['windowMs', 'delivered', 'serverCpu', 'readerCpu'],
};

const sockets = 200;
/** Events per burst. */
const sizes = [1, 5, 20, 100];
const sizesOfSmoke = [20];

const titles: Readonly<Record<RoomName, string>> = {
  engine: 'this service: one write per socket and burst',
  emit: 'plain Socket.IO: `io.to(room).emit` per event',
  writes: 'bare TCP: one write per frame',
  corked: 'bare TCP: the frames of a burst corked',
  buffer: 'bare TCP: the burst as one buffer',
};

type Measured = Measurement<FanOutFigure>;

const rate = ({ figures: { delivered, windowMs } }: Measured): number => (delivered / windowMs) * 1000;
const cpu = ({ figures }: Measured): number => (figures.serverCpu * figures.windowMs * 1000) / figures.delivered;
const readerCpu = ({ figures }: Measured): number => figures.readerCpu;

function tables(rounds: readonly FanOutGrid[]): string {
  return [
    gridTable(rounds, 'events/s over all sockets, by events per burst', titles, rate, (all) => [
      gridRow('this service to plain Socket.IO', all, (size) => ratioAt(rounds, ['engine', 'emit'], size, rate)),
      gridRow('this service to one buffer on bare TCP', all, (size) =>
        ratioAt(rounds, ['engine', 'buffer'], size, rate),
      ),
    ]),
    gridTable(rounds, 'µs of CPU of the server per event and socket', titles, cpu),
    gridTable(rounds, 'CPU of the readers, in cores: near 1 it is they that are measured', titles, readerCpu),
  ].join('\n\n');
}

export const fanOutCase = benchCase<FanOutGrid>({
  name: 'fan-out',
  title: `bursts of events of 320 bytes to a room of ${sockets} sockets, alone`,
  parameters: (options) => ({ sizes: sizes.join(', '), sockets, ...timing(options, sizes) }),
  measure: async (context) => {
    const { options, say } = context;
    const wanted = options.smoke ? sizesOfSmoke : sizes;
    return measureGrid(context, roomNames, wanted, async (room, burst) => {
      const plan: FanOutPlan = { room, sockets, burst, ...timing(options, wanted) };
      const measured = await runProgram(fanOutProgram, plan);
      say(
        `${titles[room].padEnd(48)} bursts of ${String(burst).padStart(3)} ${figure(rate(measured)).padStart(10)} events/s`,
      );
      return measured;
    });
  },
  faults: gridFaults,
  goals: () => [],
  tables,
});
