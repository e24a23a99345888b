/** The case of the neighbours: what a hot room at full rate costs those who talk in quiet rooms. */
import { benchCase, type Context } from '../case.js';
import { faultsOf, measureLoad } from '../closed/round.js';
import { ackedRate, contentLength, deliveryRate } from '../closed/shapes.js';
import type { NeighboursResult } from '../load/neighbours.js';
import { figure, table } from '../markdown.js';
import { median, type Cpu, type Measured } from '../results.js';
import { measureVariants, variantFaults, variantRatio, type Variant, type VariantRound } from '../variants/round.js';

const quiet = { rooms: 20, members: 2, senders: 1, inFlight: 1 } as const;
const hot = { rooms: 1, members: 100, senders: 20, inFlight: 8 } as const;
const names = { alone: 'quiet rooms alone', beside: 'beside a hot room' } as const;

type Beside = NeighboursResult & Cpu;

function variant(name: string, crowd: typeof hot | null): Variant {
  return {
    name,
    measure: ({ options, postgres, outputFile }: Context): Promise<Beside> => {
      const { warmupMs, windowMs, settings } = options;
      const load = { kind: 'neighbours', quiet, hot: crowd, contentLength, warmupMs, windowMs } as const;
      return measureLoad(
        'service',
        ({ port, secret }) => ({ ...load, port, secret }),
        postgres,
        { settings, flags: [] },
        outputFile(name.replaceAll(' ', '-')),
      );
    },
  };
}

function hotOf(measured: Measured | undefined): Measured | null {
  const beside = measured as Beside | undefined;
  return beside?.hot ? { ...beside.hot, serverCpu: null, databaseCpu: null } : null;
}

function row(name: string, rounds: readonly VariantRound[]): string[] {
  const all = rounds.flatMap(({ variants }) => variants[name] ?? []);
  const of = (value: (measured: Measured) => number | null) => figure(median(all.map((one) => value(one) ?? NaN)));
  const ofHot = (value: (measured: Measured) => number) =>
    of((measured) => {
      const beside = hotOf(measured);
      return beside === null ? null : value(beside);
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
  measure: (context) => measureVariants(context, [variant(names.alone, null), variant(names.beside, hot)]),
  faults: (round) => {
    const beside = hotOf(round.variants[names.beside]);
    const fault = beside === null ? null : faultsOf(beside.validation);
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
        'CPU: server / database / client',
      ],
      Object.values(names).map((name) => row(name, rounds)),
    ),
});
