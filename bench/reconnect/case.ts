/** The case of the reconnect storm: very many sockets lose their connections at once, and come back at once. */
import { benchCase, inOrder } from '../case.js';
import { measureLoad } from '../closed/round.js';
import { contentLength } from '../closed/shapes.js';
import type { ReconnectResult } from '../load/reconnect.js';
import { figure, table } from '../markdown.js';
import { median, type Cpu } from '../results.js';
import { subjectTitles, type SubjectName } from '../subjects.js';

const members = 20;
const awayMs = 500;
/** The plain server has no catch-up: what its sockets miss is counted beside. */
const subjects = ['service', 'plain'] as const satisfies readonly SubjectName[];

type Storm = ReconnectResult & Cpu;

interface ReconnectRound {
  readonly order: readonly SubjectName[];
  readonly storms: Readonly<Partial<Record<SubjectName, Storm>>>;
}

function row(name: SubjectName, rounds: readonly ReconnectRound[]): string[] {
  const all = rounds.flatMap(({ storms }) => storms[name] ?? []);
  const of = (value: (storm: Storm) => number | null) => figure(median(all.map((storm) => value(storm) ?? NaN)));
  const count = (value: (storm: Storm) => number) => Math.round(median(all.map(value))).toLocaleString('en-US');
  return [
    subjectTitles[name],
    count(({ sockets }) => sockets),
    of(({ allJoinedMs }) => allJoinedMs),
    of(({ latency }) => latency.p50),
    of(({ latency }) => latency.p99),
    count(({ refusedConnections, refusedJoins }) => refusedConnections + refusedJoins),
    count(({ caughtUp }) => caughtUp),
    count(({ missed }) => missed),
    count(({ repeated }) => repeated),
    [of((m) => m.serverCpu), of((m) => m.databaseCpu), of((m) => m.clientCpu)].join(' / '),
  ];
}

export const reconnectCase = benchCase<ReconnectRound>({
  name: 'reconnect',
  title: `all sockets of rooms of ${members} drop at once and come back at once, while one more sends in each room`,
  parameters: ({ sockets }) => ({ sockets, members, awayMs }),
  measure: async (context) => {
    const { options, postgres, outputFile, say } = context;
    const rooms = Math.ceil(options.sockets / members);
    const load = { kind: 'reconnect', rooms, members, awayMs, contentLength } as const;
    const order = inOrder(context, subjects);
    const storms: Partial<Record<SubjectName, Storm>> = {};
    for (const name of order) {
      const storm = await measureLoad(
        name,
        ({ port, secret }) => ({ ...load, port, secret }),
        postgres,
        { settings: options.settings, flags: [] },
        outputFile(name),
      );
      storms[name] = storm;
      say(
        `${subjectTitles[name].padEnd(40)} ${storm.sockets} back in ${Math.round(storm.allJoinedMs)} ms, ${storm.missed} messages missed`,
      );
    }
    return { order, storms };
  },
  faults: ({ storms: { service } }) =>
    service === undefined
      ? []
      : [
          ...(service.missed > 0 ? [`${service.missed} messages missed`] : []),
          ...(service.repeated > 0 ? [`${service.repeated} messages repeated or out of order`] : []),
        ],
  goals: () => [],
  tables: (rounds) =>
    table(
      [
        'server',
        'sockets',
        'all joined after ms',
        'connect to joined p50 ms',
        'p99 ms',
        'refused for now',
        'caught up',
        'missed',
        'repeated',
        'CPU: server / database / client',
      ],
      subjects.map((name) => row(name, rounds)),
    ),
});
