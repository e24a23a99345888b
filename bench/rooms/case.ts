/** The case of the number of rooms: the same load over 10 rooms and over a hundred thousand. */
import { benchCase, type Context } from '../case.js';
import { measureLoad } from '../closed/round.js';
import { ackedRate, contentLength } from '../closed/shapes.js';
import { measureVariants, variantFaults, variantRatio, type Variant, type VariantRound } from '../variants/round.js';
import { variantTable } from '../variants/table.js';

const senders = 50;
const inFlight = 8;
const steps = [10, 1_000, 10_000];
/** Of what is measured with the fewest rooms, this share is to be reached with the most. */
const wanted = 0.6;

/** As many as `--rooms` says at the end. */
function counts(most: number): readonly number[] {
  return [...steps.filter((step) => step < most), most];
}

const title = (rooms: number): string => `${rooms.toLocaleString('en-US')} rooms`;

function variant(rooms: number): Variant {
  return {
    name: title(rooms),
    measure: ({ options, postgres, outputFile }: Context) => {
      const { warmupMs, windowMs } = options;
      const settings = {
        // The watched rooms stay in memory, whatever share of them falls to a shard.
        MAX_RESIDENT_ROOMS: String(rooms * 4 + 1000),
        ROOMS_PER_SOCKET: String(Math.ceil(rooms / senders) + 1),
        ...options.settings,
      };
      const load = { kind: 'spread', rooms, senders, inFlight, contentLength, warmupMs, windowMs } as const;
      return measureLoad(
        'service',
        ({ port, secret }) => ({ ...load, port, secret }),
        postgres,
        { settings, flags: [] },
        outputFile(String(rooms)),
      );
    },
  };
}

/** Names of the variants of some rounds, fewest rooms first. */
function namesOf(rounds: readonly VariantRound[]): readonly string[] {
  const rooms = (name: string) => Number(name.replace(/\D/g, ''));
  return Object.keys(rounds[0]?.variants ?? {}).toSorted((a, b) => rooms(a) - rooms(b));
}

export const roomsCase = benchCase<VariantRound>({
  name: 'rooms',
  title: 'the same load over more and more rooms',
  parameters: ({ rooms, warmupMs, windowMs }) => ({ rooms, senders, inFlight, warmupMs, windowMs }),
  measure: (context) => measureVariants(context, counts(context.options.rooms).map(variant)),
  faults: variantFaults,
  goals: (rounds) => {
    const [fewest = '', ...more] = namesOf(rounds);
    const most = more.at(-1) ?? '';
    return [
      {
        title: `${most}, all watched, the same total load`,
        against: `${fewest}, acked/s`,
        bound: 'at least',
        limit: wanted,
        unit: 'x',
        figure: variantRatio(rounds, most, fewest, ackedRate),
      },
    ];
  },
  tables: (rounds) => {
    const names = namesOf(rounds);
    return variantTable(rounds, 'rooms', names, names[0] ?? '');
  },
});
