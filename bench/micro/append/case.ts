/** The append case: the service's own transaction of a frame beside other ways to store the same rows. */
import { createLog } from '../../../src/observe/log.js';
import { prepare } from '../../../src/runtime/store/migrate.js';
import { benchCase } from '../../case.js';
import { runProgram, type Measurement, type Program } from '../../child.js';
import type { Judged } from '../../goals.js';
import { figure } from '../../markdown.js';
import { prepareSchema } from '../../schema.js';
import { gridFaults, gridRow, gridTable, measureGrid, middleAt, ratioAt, sizesOf, timing, type Grid } from '../grid.js';
import type { AppendFigure, AppendPlan } from './program.js';
import { partitions, writerNames, type WriterName } from './writers.js';

type AppendGrid = Grid<WriterName, AppendFigure>;

const appendProgram: Program<AppendFigure> = {
  script: 'micro/append/program.js',
  figures: ['windowMs', 'frames', 'rows', 'walBytes', 'cpuMs', 'rowBytes'],
};

/** Messages per frame. */
const sizes = [1, 8, 32, 128, 512];
const sizesOfSmoke = [1, 32];

/** Where the goal begins: bytes of rows per frame. */
const goalBytes = 8 * 1024;

const titles: Readonly<Record<WriterName, string>> = {
  append: 'this service: append_frame',
  inserts: 'one INSERT per message, 16 connections',
  unnest: 'INSERT … SELECT FROM unnest',
  copy: 'COPY, text format',
};

const rate = ({ figures: { rows, windowMs } }: Measurement<AppendFigure>): number => (rows / windowMs) * 1000;
const walPerRow = ({ figures: { walBytes, rows } }: Measurement<AppendFigure>): number => walBytes / rows;

function goals(rounds: readonly AppendGrid[]): readonly Judged[] {
  const large = sizesOf(rounds).filter(
    (size) => size * middleAt(rounds, 'copy', size, ({ figures }) => figures.rowBytes) >= goalBytes,
  );
  const ratios = large.map((size) => ratioAt(rounds, ['append', 'copy'], size, rate));
  return [
    {
      title: 'append alone, frames of 8 KB of rows and more',
      against: 'COPY of the same rows and indexes, rows/s at the worst such size',
      bound: 'at least',
      limit: 0.7,
      unit: 'x',
      figure: ratios.length === 0 ? NaN : Math.min(...ratios),
    },
  ];
}

function tables(rounds: readonly AppendGrid[]): string {
  const against = (sizes: readonly number[]): readonly (readonly string[])[] => [
    gridRow('this service to COPY', sizes, (size) => ratioAt(rounds, ['append', 'copy'], size, rate)),
    gridRow('this service to unnest', sizes, (size) => ratioAt(rounds, ['append', 'unnest'], size, rate)),
  ];
  const [size = 0] = sizesOf(rounds);
  const rowBytes = middleAt(rounds, 'copy', size, ({ figures }) => figures.rowBytes);
  return [
    gridTable(rounds, 'rows/s, by messages per frame', titles, rate, against),
    gridTable(rounds, 'bytes of WAL per message', titles, walPerRow),
    `A row takes ${figure(rowBytes)} bytes in the text format of COPY.`,
  ].join('\n\n');
}

export const appendCase = benchCase<AppendGrid>({
  name: 'append',
  title: 'making the messages of a frame durable, alone',
  parameters: (options) => ({ sizes: sizes.join(', '), rooms: 10, ...timing(options, sizes) }),
  measure: async (context) => {
    const { options, postgres, say } = context;
    const wanted = options.smoke ? sizesOfSmoke : sizes;
    return measureGrid(context, writerNames, wanted, async (writer, size) => {
      const database = await postgres.fresh();
      try {
        await prepareSchema(database);
        await prepare(database, partitions, createLog('warn', 'bench'));
        const plan: AppendPlan = { writer, size, database, ...timing(options, wanted) };
        const measured = await runProgram(appendProgram, plan);
        say(
          `${titles[writer].padEnd(40)} ${String(size).padStart(4)} per frame ${figure(rate(measured)).padStart(8)} rows/s`,
        );
        return measured;
      } finally {
        await postgres.drop(database);
      }
    });
  },
  faults: gridFaults,
  goals,
  tables,
});
