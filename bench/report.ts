/** Turns recorded results into tables. No figure in a README is typed by hand: it stands between markers and comes from here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isReached, loadCases, ratio, type Goal, type LoadCase } from './cases.js';
import { memoryGoals, memoryTitle } from './memory/goals.js';
import { median, readResults, type LoadRound, type Measured, type MemoryRound, type Results } from './results.js';
import { faultsOf } from './round.js';
import { subjectTitles, type SubjectName } from './subjects.js';

const shown: readonly SubjectName[] = ['service', 'plain', 'one-insert'];

/** Three digits are all that a benchmark can stand for. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function goalRow(goal: Goal, value: number): string[] {
  const verdict = isReached(goal, value) ? 'reached' : 'not reached';
  return [
    `${goal.title}${goal.kind === 'final' ? ' (final goal)' : ''}`,
    `${goal.bound} ${goal.limit}${goal.unit === 'x' ? 'x' : ` ${goal.unit}`}`,
    `${figure(value)}${goal.unit === 'x' ? 'x' : ` ${goal.unit}`}`,
    verdict,
  ];
}

const goalHead = ['goal', 'wanted', 'measured', ''];

function loadRow(name: SubjectName, rounds: readonly LoadRound[]): string[] {
  const all = rounds.flatMap(({ subjects }) => subjects[name] ?? []);
  const of = (value: (measured: Measured) => number | null) => median(all.map((measured) => value(measured) ?? NaN));
  const rates = all.map(({ acked, windowMs }) => (acked / windowMs) * 1000);
  const spread = `${figure(Math.min(...rates))}-${figure(Math.max(...rates))}`;
  const faults = new Set(all.flatMap(({ validation }) => faultsOf(validation) ?? []));
  const refused = all.reduce((sum, { validation }) => sum + validation.refused, 0);
  const verdict = [...faults, ...(refused > 0 ? [`${refused} refused`] : [])].join('; ');
  return [
    subjectTitles[name],
    figure(of(({ acked, windowMs }) => (acked / windowMs) * 1000)),
    spread,
    figure(of(({ deliveries, windowMs }) => (deliveries / windowMs) * 1000)),
    figure(of(({ latency }) => latency.p50)),
    figure(of(({ latency }) => latency.p99)),
    [of((m) => m.serverCpu), of((m) => m.databaseCpu), of((m) => m.clientCpu)].map(figure).join(' / '),
    verdict === '' ? 'all correct' : verdict,
  ];
}

/** The tables of one case under load. */
export function loadTables(load: LoadCase, rounds: readonly LoadRound[]): string {
  const head = [
    'server',
    'acked/s',
    'of all rounds',
    'deliveries/s',
    'ack p50 ms',
    'p99 ms',
    'CPU: server / database / client',
    'validation',
  ];
  const present = shown.filter((name) => rounds.some(({ subjects }) => subjects[name] !== undefined));
  const figures = table(
    head,
    present.map((name) => loadRow(name, rounds)),
  );
  const goals = load.goals
    .map((goal) => ({ goal, value: ratio(goal, rounds) }))
    .filter(({ value }) => !Number.isNaN(value));
  if (goals.length === 0) return figures;
  return `${figures}\n\n${table(
    goalHead,
    goals.map(({ goal, value }) => goalRow(goal, value)),
  )}`;
}

/** The tables of the memory case. */
export function memoryTables(rounds: readonly MemoryRound[]): string {
  const mb = (of: (round: MemoryRound) => number) => `${figure(median(rounds.map(of)) / 1024 ** 2)} MB`;
  const count = (of: (round: MemoryRound) => number) => Math.round(median(rounds.map(of))).toLocaleString('en-US');
  const figures = table(
    ['moment', 'rooms in memory', 'resident memory', 'after a collection'],
    [
      [
        'after the warm-up and a rest',
        count((r) => r.resident[0]),
        mb((r) => r.rssStart),
        mb((r) => r.rssStartCollected),
      ],
      ['every room touched', count((r) => r.resident[2]), mb((r) => r.rssFull), mb((r) => r.rssFullCollected)],
      ['highest', '', mb((r) => r.rssPeak), ''],
      ['rooms evicted', count((r) => r.residentEvicted), mb((r) => r.rssEvicted), mb((r) => r.rssEvictedCollected)],
    ],
  );
  return `${figures}\n\n${table(
    goalHead,
    memoryGoals.map((goal) => goalRow(goal, median(rounds.map(goal.of)))),
  )}`;
}

function provenance(results: Results<unknown>): string {
  const { machine } = results;
  return (
    `\`${results.command}\`, commit ${results.commit}, ${results.date.slice(0, 10)}, ${results.rounds.length} round(s). ` +
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.os}, Node ${machine.node}, ${machine.postgres}.`
  );
}

/** All recorded cases as one text for bench/README.md; a sentence when there are none. */
export function fullReport(folder: string): string {
  const parts: string[] = [];
  for (const load of loadCases) {
    const results = readResults<LoadRound>(folder, load.name);
    if (results !== null)
      parts.push(`### ${load.name}: ${load.title}\n\n${loadTables(load, results.rounds)}\n\n${provenance(results)}`);
  }
  const memory = readResults<MemoryRound>(folder, 'memory');
  if (memory !== null)
    parts.push(`### memory: ${memoryTitle(memory.rounds)}\n\n${memoryTables(memory.rounds)}\n\n${provenance(memory)}`);
  return parts.length > 0
    ? parts.join('\n\n')
    : 'Nothing has been recorded yet: `npm run bench` writes its figures here.';
}

/** Two lines for the project's README; null until the cases they quote are recorded. */
export function headline(folder: string): string | null {
  const busy = readResults<LoadRound>(folder, 'busy');
  const hot = readResults<LoadRound>(folder, 'hot');
  if (busy === null || hot === null) return null;
  const service = (rounds: readonly LoadRound[], of: (measured: Measured) => number) =>
    figure(median(rounds.flatMap(({ subjects }) => (subjects.service === undefined ? [] : [of(subjects.service)]))));
  const times = (rounds: readonly LoadRound[], against: SubjectName, of: (measured: Measured) => number) =>
    `${figure(ratio({ title: '', kind: 'now', bound: 'at least', limit: 0, unit: 'x', of, against }, rounds))}x`;
  const acked = (m: Measured) => (m.acked / m.windowMs) * 1000;
  const deliveries = (m: Measured) => (m.deliveries / m.windowMs) * 1000;
  const { machine, commit } = busy;
  return (
    `**${service(busy.rounds, acked)} durable acked messages/s** in 10 rooms of 10 (p99 ${service(busy.rounds, (m) => m.latency.p99)} ms): ` +
    `${times(busy.rounds, 'plain', acked)} plain Socket.IO that stores nothing, ${times(busy.rounds, 'one-insert', acked)} one INSERT per message.\n` +
    `**${service(hot.rounds, deliveries)} deliveries/s** in one room of 200: ${times(hot.rounds, 'plain', deliveries)} plain Socket.IO. ` +
    `Load client and database on the same machine (${machine.cores} cores, ${machine.cpu}), commit ${commit}: [how and what else](bench/README.md).`
  );
}

/** Puts a text between `<!-- bench:begin -->` and `<!-- bench:end -->` of a file; does nothing where they are missing. */
export function putBetweenMarkers(file: string, text: string): boolean {
  let old: string;
  try {
    old = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  const markers = /(<!-- bench:begin -->)[\s\S]*?(<!-- bench:end -->)/;
  if (!markers.test(old)) return false;
  const fresh = old.replace(markers, (_, begin: string, end: string) => `${begin}\n\n${text}\n\n${end}`);
  if (fresh !== old) writeFileSync(file, fresh);
  return true;
}
