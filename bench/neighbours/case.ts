/** The case of the neighbours: what a hot room at full rate costs those who talk in quiet rooms. */
import { benchCase, type Context } from '../case.js';
import { runLoad } from '../child.js';
import { faultsOf, measureLoad } from '../closed/round.js';
import { ackedRate, contentLength, deliveryRate } from '../closed/shapes.js';
import type { LoadResult } from '../load/plan.js';
import { figure, table } from '../markdown.js';
import { median, type Measured } from '../results.js';
import type { Started } from '../subjects.js';
import { measureVariants, variantFaults, variantRatio, type Variant, type VariantRound } from '../variants/round.js';

const quiet = { rooms: 20, members: 2, senders: 1, inFlight: 1 } as const;
const hot = { rooms: 1, members: 100, senders: 20, inFlight: 8 } as const;
const names = { alone: 'quiet rooms alone', beside: 'beside a hot room' } as const;

/** The quiet rooms, and the hot one beside them where there is one. */
interface Beside extends Measured {
  readonly hot: Measured | null;
}

function variant(name: string, measureIt: (context: Context, outputFile: string) => Promise<Beside>): Variant {
  return { name, measure: (context) => measureIt(context, context.outputFile(name.replaceAll(' ', '-'))) };
}

const alone = variant(names.alone, async ({ options, postgres }, outputFile) => {
  const { warmupMs, windowMs, settings } = options;
  const load = { kind: 'closed-loop', prefix: 'quiet', ...quiet, contentLength, warmupMs, windowMs } as const;
  const plan = ({ port, secret }: Started) => ({ ...load, port, secret });
  return { ...(await measureLoad('service', plan, postgres, { settings, flags: [] }, outputFile)), hot: null };
});

/** The hot room has a load client of its own: what that takes to read is not to be in the latency of the quiet ones. */
const beside = variant(names.beside, async ({ options, postgres }, outputFile) => {
  const { warmupMs, windowMs, settings } = options;
  const load = { kind: 'closed-loop', contentLength, warmupMs } as const;
  let measured: LoadResult | null = null;
  const hotRoom = await measureLoad(
    'service',
    ({ port, secret }) => ({ ...load, port, secret, prefix: 'hot', ...hot, windowMs: null }),
    postgres,
    { settings, flags: [] },
    outputFile,
    async (edge, { port, secret }) => {
      if (edge === 'start') measured = await runLoad({ ...load, port, secret, prefix: 'quiet', ...quiet, windowMs });
    },
  );
  const { serverCpu, databaseCpu } = hotRoom;
  const result = measured as LoadResult | null;
  if (result === null) throw new Error('the quiet rooms were not measured');
  return { ...result, serverCpu, databaseCpu, hot: hotRoom };
});

function hotOf(measured: Measured | undefined): Measured | null {
  return (measured as Beside | undefined)?.hot ?? null;
}

function row(name: string, rounds: readonly VariantRound[]): string[] {
  const all = rounds.flatMap(({ variants }) => variants[name] ?? []);
  const of = (value: (measured: Measured) => number | null) => figure(median(all.map((one) => value(one) ?? NaN)));
  const ofHot = (value: (measured: Measured) => number) =>
    of((measured) => {
      const hotRoom = hotOf(measured);
      return hotRoom === null ? null : value(hotRoom);
    });
  return [
    name,
    of(ackedRate),
    of(({ latency }) => latency.p50),
    of(({ latency }) => latency.p99),
    ofHot(ackedRate),
    ofHot(deliveryRate),
    [of((m) => m.serverCpu), of((m) => m.databaseCpu), of((m) => m.clientCpu)].join(' / '),
  ];
}

export const neighboursCase = benchCase<VariantRound>({
  name: 'neighbours',
  title: `${quiet.rooms} quiet rooms, 1 sender with 1 in flight each, without and beside a hot room of ${hot.members}, ${hot.senders} sending, ${hot.inFlight} in flight`,
  parameters: ({ warmupMs, windowMs }) => ({
    quietRooms: quiet.rooms,
    hotMembers: hot.members,
    hotSenders: hot.senders,
    hotInFlight: hot.inFlight,
    warmupMs,
    windowMs,
  }),
  measure: (context) => measureVariants(context, [alone, beside]),
  faults: (round) => {
    const hotRoom = hotOf(round.variants[names.beside]);
    const fault = hotRoom === null ? null : faultsOf(hotRoom.validation);
    return [...variantFaults(round), ...(fault === null ? [] : [`the hot room: ${fault}`])];
  },
  goals: (rounds) => [
    {
      title: 'a hot room beside quiet rooms',
      against: 'quiet rooms alone, p99 of acks',
      bound: 'at most',
      limit: 2,
      unit: 'x',
      figure: variantRatio(rounds, names.beside, names.alone, ({ latency }) => latency.p99),
    },
  ],
  tables: (rounds) =>
    table(
      [
        'quiet rooms',
        'acked/s',
        'ack p50 ms',
        'p99 ms',
        'hot room: acked/s',
        'deliveries/s',
        'CPU: server / database / client of the quiet',
      ],
      Object.values(names).map((name) => row(name, rounds)),
    ),
});
