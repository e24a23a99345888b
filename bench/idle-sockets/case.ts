/** The case of the idle sockets: what a socket in a room costs that says nothing, beside plain Socket.IO. */
import { runLoad } from '../child.js';
import { benchCase, inOrder, type Context } from '../case.js';
import { contentLength } from '../closed/shapes.js';
import { memoryOf } from '../cpu.js';
import type { IdleResult } from '../load/idle.js';
import { figure, table } from '../markdown.js';
import { collect } from '../memory/observe.js';
import { median } from '../results.js';
import { startSubject, subjectTitles, type SubjectName } from '../subjects.js';

const subjects = ['service', 'plain'] as const satisfies readonly SubjectName[];
/**
 * The share of the sockets that is there, in another room, before anything is counted: code is compiled, and what a heap has
 * free after the start is in use.
 */
const warmShare = 0.5;
/**
 * Sockets are counted by what resident memory grows. Growth that is less than this share of what was there before may have
 * found its place in pages that were resident and free, and then says nothing of a socket: no goal is judged on it.
 */
const judgedFrom = 0.25;
/**
 * Node's own defaults instead of the larger young generation, whose free half alone is tens of megabytes in every thread: in
 * that, thousands of sockets disappear.
 */
const youngByDefault: readonly string[] = [];
/**
 * Collections in a row (half a second apart) that have to find nothing more. V8 gives the free part of a young generation back
 * in one of them, but only once little was allocated in the last five seconds: less than the load, or a ping of every socket.
 */
const stillTurns = 16;

/** Bytes of resident memory, each after an explicit collection in every thread but `rssRaw`. */
interface Idle extends IdleResult {
  readonly sockets: number;
  readonly rssStart: number;
  readonly rssHeld: number;
  /** With all sockets, before the collection. */
  readonly rssRaw: number;
}

interface IdleRound {
  readonly order: readonly SubjectName[];
  readonly subjects: Readonly<Partial<Record<SubjectName, Idle>>>;
}

const isJudged = ({ rssStart, rssHeld }: Idle): boolean => rssHeld - rssStart >= rssStart * judgedFrom;

const perSocket = ({ sockets, rssStart, rssHeld }: Idle): number => (rssHeld - rssStart) / sockets;

async function measureIdle(name: SubjectName, { options, postgres, outputFile }: Context): Promise<Idle> {
  const { idleSockets: sockets, smoke } = options;
  const turns = smoke ? 2 : stillTurns;
  const database = await postgres.fresh();
  try {
    // The collections that this case forces are no work of the service: they must not be taken for a stuck worker.
    const settings = { WORKER_STUCK_MS: '60000', ...options.settings };
    const flags = ['--import', import.meta.resolve('../memory/collect.js')];
    const server = await startSubject(name, database, outputFile(name), settings, flags, youngByDefault);
    const { port, secret } = server;
    const load = { kind: 'idle', port, secret, contentLength } as const;
    let rssStart = NaN;
    let rssHeld = NaN;
    let rssRaw = NaN;
    let result: IdleResult = { reached: 0, broken: 0 };
    await runLoad({ ...load, prefix: 'warm', sockets: Math.ceil(sockets * warmShare) }, async (warm) => {
      if (warm === 'end') return;
      rssStart = await collect(server, turns);
      result = await runLoad({ ...load, prefix: 'idle', sockets }, async (edge) => {
        if (edge === 'end') return;
        rssRaw = memoryOf(server.pid).now;
        rssHeld = await collect(server, turns);
      });
    });
    await server.stop();
    return { sockets, rssStart, rssHeld, rssRaw, ...result };
  } finally {
    await postgres.drop(database);
  }
}

function row(name: SubjectName, rounds: readonly IdleRound[]): string[] {
  const all = rounds.flatMap((round) => round.subjects[name] ?? []);
  const of = (value: (idle: Idle) => number) => median(all.map(value));
  const mb = (value: (idle: Idle) => number) => `${figure(of(value) / 1024 ** 2)} MB`;
  return [
    subjectTitles[name],
    of(({ sockets }) => sockets).toLocaleString('en-US'),
    mb(({ rssStart }) => rssStart),
    mb(({ rssHeld }) => rssHeld),
    mb(({ rssRaw }) => rssRaw),
    all.every(isJudged) ? `${figure(of(perSocket) / 1024)} KB` : 'growth too small to tell',
  ];
}

export const idleSocketsCase = benchCase<IdleRound>({
  name: 'idle-sockets',
  title: 'very many authenticated sockets in one room that say nothing',
  parameters: ({ idleSockets }) => ({ sockets: idleSockets }),
  measure: async (context) => {
    const order = inOrder(context, subjects);
    const measured: Partial<Record<SubjectName, Idle>> = {};
    for (const name of order) {
      const idle = await measureIdle(name, context);
      measured[name] = idle;
      context.say(`${subjectTitles[name].padEnd(40)} ${figure(perSocket(idle) / 1024)} KB per socket`);
    }
    return { order, subjects: measured };
  },
  faults: ({ subjects: measured }) =>
    Object.entries(measured).flatMap(([name, { sockets, reached, broken }]) =>
      reached === sockets && broken === 0 ? [] : [`${name}: ${reached} of ${sockets} reached, ${broken} broken`],
    ),
  goals: (rounds) => [
    {
      title: 'an idle authenticated socket in one room',
      against: 'plain Socket.IO, resident memory per socket after a collection',
      bound: 'at most',
      limit: 1.2,
      unit: 'x',
      figure: median(
        rounds.flatMap(({ subjects: { service, plain } }) =>
          service === undefined || plain === undefined || !isJudged(service) || !isJudged(plain)
            ? []
            : [perSocket(service) / perSocket(plain)],
        ),
      ),
    },
  ],
  tables: (rounds) =>
    table(
      ['server', 'sockets', 'resident memory at the start', 'with all sockets', 'before the collection', 'per socket'],
      subjects.map((name) => row(name, rounds)),
    ),
});
