/** Turns recorded results into text. No figure in a README is typed by hand: it stands between markers and comes from here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cases } from './cases.js';
import { overviewPlot } from './closed/plot.js';
import { ackedRate, deliveryRate, shapes } from './closed/shapes.js';
import { middle, ratio } from './closed/tables.js';
import { figure, goalTable } from './markdown.js';
import { imageOf, type Plot } from './plot.js';
import { readResults, type LoadRound, type Results } from './results.js';

function provenance(results: Results<unknown>): string {
  const { machine } = results;
  return (
    `\`${results.command}\`, commit ${results.commit}, ${results.date.slice(0, 10)}, ${results.rounds.length} round(s). ` +
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.os}, Node ${machine.node}, ` +
    `${[machine.postgres, results.neighbours].filter(Boolean).join(', ')}.`
  );
}

/** All goals as one table, and the servers side by side: what bench/README.md opens with. */
export function summary(folder: string): string {
  const goals = cases.flatMap((one) => one.goals(readResults<unknown>(folder, one.name)?.rounds ?? []));
  const text = goalTable(goals);
  if (text === '') return 'Nothing has been recorded yet: `npm run bench` writes its figures here.';
  return [text, ...overview(folder).map(imageOf)].join('\n\n');
}

/** All plots of what is recorded. */
export function plots(folder: string): readonly Plot[] {
  const ofCases = cases.flatMap((one) => {
    const results = readResults<unknown>(folder, one.name);
    return results === null ? [] : (one.plots?.(results.rounds) ?? []);
  });
  return [...overview(folder), ...ofCases];
}

function overview(folder: string): readonly Plot[] {
  const plot = overviewPlot(
    shapes.map((shape) => ({ shape, rounds: readResults<LoadRound>(folder, shape.name)?.rounds ?? [] })),
  );
  return plot === null ? [] : [plot];
}

/** All recorded cases, one after the other. */
export function details(folder: string): string {
  return cases
    .flatMap((one) => {
      const results = readResults<unknown>(folder, one.name);
      if (results === null) return [];
      const images = (one.plots?.(results.rounds) ?? []).map(imageOf);
      return [
        [`### ${one.name}: ${one.title}`, ...images, one.tables(results.rounds), provenance(results)].join('\n\n'),
      ];
    })
    .join('\n\n');
}

/** Two lines for the project's README; null until the cases they quote are recorded. */
export function headline(folder: string): string | null {
  const busy = readResults<LoadRound>(folder, 'busy');
  const hot = readResults<LoadRound>(folder, 'hot');
  if (busy === null || hot === null) return null;
  const times = (results: Results<LoadRound>, of: typeof ackedRate, against: 'plain' | 'one-insert') =>
    `${figure(ratio({ of, against }, results.rounds))}x`;
  const { machine, commit } = busy;
  return (
    `**${figure(middle('service', busy.rounds, ackedRate))} durable acked messages/s** in 10 rooms of 10 ` +
    `(p99 ${figure(middle('service', busy.rounds, ({ latency }) => latency.p99))} ms): ` +
    `${times(busy, ackedRate, 'plain')} plain Socket.IO that stores nothing, ${times(busy, ackedRate, 'one-insert')} one INSERT per message.\n` +
    `**${figure(middle('service', hot.rounds, deliveryRate))} deliveries/s** in one room of 200: ${times(hot, deliveryRate, 'plain')} plain Socket.IO. ` +
    `Load client and database on the same machine (${machine.cores} cores, ${machine.cpu}), commit ${commit}. ` +
    'To reproduce: `npm run bench -- busy hot`; [how and what else](bench/README.md).'
  );
}

/** Puts a text between `<!-- <name>:begin -->` and `<!-- <name>:end -->` of a file; does nothing where they are missing. */
export function putBetweenMarkers(file: string, name: string, text: string): boolean {
  let old: string;
  try {
    old = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  const markers = new RegExp(`(<!-- ${name}:begin -->)[\\s\\S]*?(<!-- ${name}:end -->)`);
  if (!markers.test(old)) return false;
  const fresh = old.replace(markers, (_, begin: string, end: string) => `${begin}\n\n${text}\n\n${end}`);
  if (fresh !== old) writeFileSync(file, fresh);
  return true;
}
