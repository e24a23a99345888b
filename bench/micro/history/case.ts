/** The history case: pages by REST and joins by Socket.IO, of rooms in memory and of rooms that nobody is in. */
import { benchCase, type Context } from '../../case.js';
import { runProgram, type Measurement, type Program } from '../../child.js';
import type { Database } from '../../environment.js';
import { figure, table } from '../../markdown.js';
import { startSubject, type Started } from '../../subjects.js';
import { gridFaults, measureGrid, middleAt, sizesOf, timing, type Grid, type Timing } from '../grid.js';
import { askedOf, fill, less, type Asked } from './database.js';
import type { HistoryFigure, HistoryPlan } from './program.js';
import { readerNames, type ReaderName } from './readers.js';
import { pageSize, type HistorySizes } from './rooms.js';

/** Beside what the readers see: what the database was asked per request, the service's own start and stop taken off. */
type Figure = HistoryFigure | 'transactionsEach' | 'rowsEach';
type HistoryGrid = Grid<ReaderName, Figure>;

const historyProgram: Program<HistoryFigure> = {
  script: 'micro/history/program.js',
  figures: ['windowMs', 'answers', 'p50', 'p99', 'requests', 'serverCpu', 'clientCpu'],
};

/** Readers beside each other, one request under way each. */
const sizes = [1, 16];
const sizesOfSmoke = [16];
const rooms: HistorySizes = { coldRooms: 4_000, longMessages: 20_000 };
const roomsOfSmoke: HistorySizes = { coldRooms: 400, longMessages: 2_000 };
/** A round fills a database first. */
const maxRounds = 3;

const titles: Readonly<Record<ReaderName, string>> = {
  recent: 'REST: newest page, room in memory',
  deep: 'REST: a page in the middle, room in memory',
  cold: 'REST: newest page, room not in memory',
  'cold-sql': 'the same page by the same SQL, no service',
  join: 'join_room, room in memory',
  'cold-join': 'join_room, room not in memory',
};

type Measured = Measurement<Figure>;

const rate = ({ figures: { answers, windowMs } }: Measured): number => (answers / windowMs) * 1000;

async function startService(context: Context, database: Database, label: string): Promise<Started> {
  const { options, outputFile } = context;
  return startSubject('service', database, outputFile(label), options.settings);
}

/** What a service asks that nobody asks anything. */
async function idle(context: Context, database: Database): Promise<Asked> {
  const before = await askedOf(database);
  const server = await startService(context, database, 'idle');
  await server.stop();
  return less(await askedOf(database), before);
}

async function measureReader(
  context: Context,
  plan: Pick<HistoryPlan, 'reader' | 'readers'> & Timing,
  database: Database,
  sizesOfRooms: HistorySizes,
  unasked: Asked,
): Promise<Measured> {
  const before = await askedOf(database);
  const bypass = plan.reader === 'cold-sql';
  const server = bypass ? null : await startService(context, database, `${plan.reader}-${plan.readers}`);
  const { port = 0, secret = '', pid: serverPid = 0 } = server ?? {};
  const source = { ...sizesOfRooms, port, secret, database };
  const full: HistoryPlan = { ...plan, source, serverPid };
  const { figures, faults } = await runProgram(historyProgram, full);
  await server?.stop();
  const asked = less(await askedOf(database), before);
  const own = bypass ? { transactions: 0, rows: 0 } : unasked;
  return {
    figures: {
      ...figures,
      transactionsEach: (asked.transactions - own.transactions) / figures.requests,
      rowsEach: (asked.rows - own.rows) / figures.requests,
    },
    faults,
  };
}

function tables(rounds: readonly HistoryGrid[]): string {
  return sizesOf(rounds)
    .map((size) => {
      const of = (reader: ReaderName, value: (measured: Measured) => number) =>
        figure(middleAt(rounds, reader, size, value));
      return table(
        [
          `${size} at once`,
          'answers/s',
          'p50 ms',
          'p99 ms',
          'transactions per request',
          'rows read per request',
          'CPU: service / client',
        ],
        readerNames.map((reader) => [
          titles[reader],
          of(reader, rate),
          of(reader, ({ figures }) => figures.p50),
          of(reader, ({ figures }) => figures.p99),
          of(reader, ({ figures }) => Math.max(0, figures.transactionsEach)),
          of(reader, ({ figures }) => Math.max(0, figures.rowsEach)),
          `${of(reader, ({ figures }) => figures.serverCpu)} / ${of(reader, ({ figures }) => figures.clientCpu)}`,
        ]),
      );
    })
    .join('\n\n');
}

export const historyCase = benchCase<HistoryGrid>({
  name: 'history',
  title: `pages of ${pageSize} messages and joins, of rooms in memory and of others`,
  maxRounds,
  parameters: (options) => ({ readers: sizes.join(', '), ...rooms, ...timing(options, sizes) }),
  measure: async (context) => {
    const { options, postgres, say } = context;
    const wanted = options.smoke ? sizesOfSmoke : sizes;
    const sizesOfRooms = options.smoke ? roomsOfSmoke : rooms;
    const database = await fill(postgres, sizesOfRooms);
    try {
      const unasked = await idle(context, database);
      return await measureGrid(context, readerNames, wanted, async (reader, readers) => {
        const plan = { reader, readers, ...timing(options, wanted) };
        const measured = await measureReader(context, plan, database, sizesOfRooms, unasked);
        say(
          `${titles[reader].padEnd(44)} ${String(readers).padStart(3)} at once ${figure(rate(measured)).padStart(8)} answers/s`,
        );
        return measured;
      });
    } finally {
      await postgres.drop(database);
    }
  },
  faults: gridFaults,
  goals: () => [],
  tables,
});
