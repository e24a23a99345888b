/** Latency over offered load, one line per server, one panel per percentile. */
import { figure } from '../markdown.js';
import { subjectColours, type Plot } from '../plot.js';
import { subjectNames, subjectTitles } from '../subjects.js';
import { curve } from './curve.js';
import type { LatencyRound } from './round.js';

const percentiles = ['p50', 'p99', 'p99.9'] as const;

export function latencyPlot(rounds: readonly LatencyRound[]): readonly Plot[] {
  const curves = subjectNames.map((name) => ({ server: subjectTitles[name], points: curve(name, rounds) }));
  const values = curves.flatMap(({ server, points }) =>
    points.flatMap(({ offered, saturated, p50, p99, p999 }) =>
      [p50, p99, p999].map((ms, i) => ({ server, offered, saturated, ms, percentile: percentiles[i] })),
    ),
  );
  if (values.length === 0) return [];
  const carried = curves.flatMap(({ server, points }) => {
    const highest = points.findLast(({ saturated }) => !saturated);
    return highest === undefined ? [] : [`${server} ${figure(highest.offered)}`];
  });
  const point = { type: 'point', size: 40, filled: true, opacity: 1 } as const;
  return [
    {
      name: 'latency',
      alt: `Lines of ack latency over offered messages/s for each server. Highest rate carried: ${carried.join(', ')}.`,
      spec: {
        title: {
          text: 'Time to the ack against offered load, from the moment at which a message was due',
          subtitle:
            'Median of the rounds, both axes logarithmic. A cross: the server no longer follows the offered rate.',
          offset: 14,
        },
        data: { values },
        facet: { column: { field: 'percentile', type: 'nominal', sort: [...percentiles], title: null } },
        spacing: 22,
        spec: {
          width: 275,
          height: 260,
          encoding: {
            x: {
              field: 'offered',
              type: 'quantitative',
              scale: { type: 'log', nice: false },
              axis: { title: 'offered messages/s', format: '~s', tickCount: 6, labelOverlap: true },
            },
            y: {
              field: 'ms',
              type: 'quantitative',
              scale: { type: 'log' },
              axis: { title: 'ms', format: '~g', tickCount: 5 },
            },
            color: {
              field: 'server',
              type: 'nominal',
              scale: subjectColours,
              legend: { title: null, orient: 'bottom', columns: subjectNames.length },
            },
          },
          layer: [
            { mark: { type: 'line', strokeWidth: 2 } },
            { mark: { ...point, shape: 'circle' }, transform: [{ filter: '!datum.saturated' }] },
            {
              mark: { ...point, shape: 'cross', angle: 45, size: 110 },
              transform: [{ filter: 'datum.saturated' }],
            },
          ],
        },
      },
    },
  ];
}
