/** The servers side by side in every shape of the closed loop. */
import { figure } from '../markdown.js';
import { subjectColours, type Panel, type Plot } from '../plot.js';
import { median, type LoadRound } from '../results.js';
import { subjectNames, subjectTitles } from '../subjects.js';
import { ackedRate, deliveryRate, type Shape } from './shapes.js';

/** A shape and what was recorded of it. */
export interface Recorded {
  readonly shape: Shape;
  readonly rounds: readonly LoadRound[];
}

interface Bar {
  readonly server: string;
  /** Per second: the median of the rounds, the slowest and the fastest. */
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  /** Over the bar. */
  readonly label: string;
}

/** In a room of many it is deliveries that cost, elsewhere messages. */
function measureOf({ rooms }: Shape) {
  return rooms === 1 ? { unit: 'deliveries/s', of: deliveryRate } : { unit: 'acked messages/s', of: ackedRate };
}

function bars({ shape, rounds }: Recorded): Bar[] {
  const { of } = measureOf(shape);
  const plain = median(rounds.flatMap(({ subjects }) => (subjects.plain === undefined ? [] : [of(subjects.plain)])));
  return subjectNames.flatMap((name) => {
    const rates = rounds.flatMap(({ subjects }) => (subjects[name] === undefined ? [] : [of(subjects[name])]));
    if (rates.length === 0) return [];
    const rate = median(rates);
    return [
      {
        server: subjectTitles[name],
        rate,
        low: Math.min(...rates),
        high: Math.max(...rates),
        label: Number.isNaN(plain) ? '' : multiple(rate / plain),
      },
    ];
  });
}

/** Two digits: there is no room for more above a bar. */
function multiple(value: number): string {
  return `${value < 10 ? value.toPrecision(2) : Math.round(value)}x`;
}

function panel(recorded: Recorded): Panel {
  const { shape } = recorded;
  const values = bars(recorded);
  // Room for the labels: one that sticks out would push its panel's title out of line.
  const highest = Math.max(...values.map(({ high }) => high)) * 1.15;
  const x = {
    field: 'server',
    type: 'nominal',
    sort: subjectColours.domain,
    axis: { labels: false, ticks: false, title: null },
  } as const;
  return {
    width: 140,
    height: 220,
    title: { text: shape.name, subtitle: shape.title.split(', ') },
    data: { values },
    encoding: { x },
    layer: [
      {
        mark: { type: 'bar', width: 24 },
        encoding: {
          y: {
            field: 'rate',
            type: 'quantitative',
            scale: { domain: [0, highest], nice: false },
            axis: { title: measureOf(shape).unit, format: '~s', tickCount: 5 },
          },
          color: {
            field: 'server',
            type: 'nominal',
            scale: subjectColours,
            legend: { title: null, orient: 'bottom', columns: subjectNames.length },
          },
        },
      },
      {
        mark: { type: 'rule', strokeWidth: 1.5, color: '#222' },
        encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
      },
      {
        mark: { type: 'text', dy: -7, fontSize: 10, color: '#222' },
        encoding: { y: { field: 'high', type: 'quantitative' }, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}

/** Null where nothing was recorded. */
export function overviewPlot(recorded: readonly Recorded[]): Plot | null {
  const shown = recorded.filter(({ rounds }) => rounds.length > 0);
  if (shown.length === 0) return null;
  const told = shown.map((one) => {
    const words = bars(one).map(({ server, rate }) => `${server} ${figure(rate)}`);
    return `${one.shape.name} (${measureOf(one.shape).unit}): ${words.join(', ')}`;
  });
  return {
    name: 'overview',
    alt: `Bars of each server's rate in each shape of load. ${told.join('. ')}.`,
    spec: {
      title: {
        text: 'Throughput of each server, and as a multiple of plain Socket.IO that stores nothing',
        subtitle:
          'Bar: median of the rounds. Line: from the slowest to the fastest round. Each panel has a scale of its own.',
        offset: 14,
      },
      hconcat: shown.map(panel),
      spacing: 26,
    },
  };
}
