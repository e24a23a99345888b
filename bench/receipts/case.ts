/** The case of the receipts: everybody marks what arrives as delivered and as read, while messages flow. */
import { benchCase, inOrder } from '../case.js';
import { faultsOf, measureLoad } from '../closed/round.js';
import { ackedRate, contentLength } from '../closed/shapes.js';
import type { ReceiptsResult } from '../load/receipts.js';
import { figure, table } from '../markdown.js';
import { median, type Cpu } from '../results.js';

interface Shape {
  readonly name: string;
  readonly rooms: number;
  readonly members: number;
  readonly senders: number;
  readonly inFlight: number;
}

const shapes: readonly Shape[] = [
  { name: '1 room of 100, 5 sending', rooms: 1, members: 100, senders: 5, inFlight: 1 },
  { name: '50 rooms of 10, one sending in each', rooms: 50, members: 10, senders: 1, inFlight: 1 },
];

type Storm = ReceiptsResult & Cpu;

interface ReceiptsRound {
  readonly order: readonly string[];
  /** By the name of the shape. */
  readonly silent: Readonly<Record<string, Storm>>;
  readonly storms: Readonly<Record<string, Storm>>;
}

interface Part {
  readonly shape: Shape;
  readonly marking: boolean;
}

const titleOf = ({ shape, marking }: Part): string => `${shape.name}${marking ? ', with receipts' : ''}`;

const receiptRate = ({ receipts, windowMs }: Storm): number => (receipts / windowMs) * 1000;
const toldRate = ({ told, windowMs }: Storm): number => (told / windowMs) * 1000;

function receiptFaults({ refused, short, missing, extra }: Storm['receiptValidation']): string | null {
  const found = Object.entries({ refused, short, missing, extra }).filter(([, count]) => count !== 0);
  return found.length === 0 ? null : `receipts: ${found.map(([fault, count]) => `${count} ${fault}`).join(', ')}`;
}

function faultsIn(storm: Storm): string | null {
  const found = [faultsOf(storm.validation), receiptFaults(storm.receiptValidation)].filter((fault) => fault !== null);
  return found.length === 0 ? null : found.join('; ');
}

function row(part: Part, rounds: readonly ReceiptsRound[]): string[] {
  const { shape, marking } = part;
  const all = rounds.flatMap(({ silent, storms }) => (marking ? storms : silent)[shape.name] ?? []);
  const of = (value: (storm: Storm) => number | null) => figure(median(all.map((storm) => value(storm) ?? NaN)));
  const ofReceipts = (value: (storm: Storm) => number) => (marking ? of(value) : '');
  const times = median(
    rounds.flatMap(({ silent, storms }) => {
      const without = silent[shape.name];
      const beside = storms[shape.name];
      return without === undefined || beside === undefined ? [] : [beside.latency.p99 / without.latency.p99];
    }),
  );
  const faults = new Set(all.flatMap((storm) => faultsIn(storm) ?? []));
  return [
    titleOf(part),
    ofReceipts(receiptRate),
    ofReceipts(({ receiptLatency }) => receiptLatency.p99),
    ofReceipts(toldRate),
    of(ackedRate),
    of(({ latency }) => latency.p50),
    of(({ latency }) => latency.p99),
    marking ? `${figure(times)}x` : '',
    [of((m) => m.serverCpu), of((m) => m.databaseCpu), of((m) => m.clientCpu)].join(' / '),
    faults.size === 0 ? 'all correct' : [...faults].join('; '),
  ];
}

const parts: readonly Part[] = shapes.flatMap((shape) => [
  { shape, marking: false },
  { shape, marking: true },
]);

export const receiptsCase = benchCase<ReceiptsRound>({
  name: 'receipts',
  title: 'every member marks what arrives as delivered and as read, one receipt unanswered each',
  parameters: ({ warmupMs, windowMs }) => ({ shapes: shapes.map(({ name }) => name).join('; '), warmupMs, windowMs }),
  measure: async (context) => {
    const { options, postgres, outputFile, say } = context;
    const { warmupMs, windowMs, settings } = options;
    const silent: Record<string, Storm> = {};
    const storms: Record<string, Storm> = {};
    const order = inOrder(context, parts);
    for (const part of order) {
      const { shape, marking } = part;
      const { name, ...crowd } = shape;
      const load = { kind: 'receipts', marking, ...crowd, contentLength, warmupMs, windowMs } as const;
      const storm = await measureLoad(
        'service',
        ({ port, secret }) => ({ ...load, port, secret }),
        postgres,
        { settings, flags: [] },
        outputFile(titleOf(part).replaceAll(/\W+/g, '-')),
      );
      (marking ? storms : silent)[name] = storm;
      const receipts = marking ? `${Math.round(receiptRate(storm))} receipts/s, ` : '';
      say(`${titleOf(part).padEnd(52)} ${receipts}${Math.round(ackedRate(storm))} acked/s  ${faultsIn(storm) ?? ''}`);
    }
    return { order: order.map(titleOf), silent, storms };
  },
  faults: ({ silent, storms }) =>
    [...Object.entries(silent), ...Object.entries(storms)].flatMap(([name, storm]) => {
      const fault = faultsIn(storm);
      return fault === null ? [] : [`${name}: ${fault}`];
    }),
  goals: () => [],
  tables: (rounds) =>
    table(
      [
        'load',
        'receipts acked/s',
        'p99 ms',
        'told to others/s',
        'messages acked/s',
        'p50 ms',
        'p99 ms',
        'p99 of without',
        'CPU: server / database / client',
        'validation',
      ],
      parts.map((part) => row(part, rounds)),
    ),
});
