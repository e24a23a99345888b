/** The table of figures adds up what several invocations found, and hides nothing of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readOptions, UsageError } from './options.js';
import { appendRecord, readRecords, type RunRecord } from './records.js';
import { summaryOf, tableOf, writeFigures } from './table.js';

function record(fields: Partial<RunRecord> & Pick<RunRecord, 'seed'>): RunRecord {
  return {
    nemesis: 'kill',
    commit: 'aaa',
    cores: 2,
    load: 3,
    acked: 1_000,
    wrong: {},
    silenceMs: 100,
    takeOverMs: 100,
    lateMs: 0,
    firstAckMs: null,
    failure: null,
    ...fields,
  };
}

/** The cells of a nemesis by the names of their columns. */
function cellsOf(table: string, nemesis: string): Record<string, string> {
  const cells = (line: string | undefined): string[] => (line ?? '').split('|').map((cell) => cell.trim());
  const lines = table.split('\n');
  const values = cells(lines.find((line) => line.startsWith(`| ${nemesis} |`)));
  return Object.fromEntries(cells(lines[0]).map((name, place) => [name, values[place] ?? '']));
}

test('runs of all invocations are counted together, with their seeds, commits and loads', (t) => {
  const runs = [
    record({ seed: 7, acked: 1_000, wrong: { lost: 1 } }),
    record({ seed: 8, acked: 1_500, commit: 'bbb', load: 2 }),
    record({ seed: 3, acked: 1_200, wrong: { lost: 2, hole: 1 } }),
    record({ seed: 1, nemesis: 'drain', failure: 'it broke' }),
    record({ seed: 1, nemesis: 'gone' }),
  ];
  const table = tableOf(runs, ['drain', 'kill', 'usurper']);
  const kill = {
    runs: '3',
    seeds: '3, 7–8',
    acked: '3,700',
    'least in a run': '1,000',
    lost: '3',
    hole: '1',
    leak: '0',
  };
  t.like(cellsOf(table, 'kill'), { ...kill, load: '2–3' });
  t.is(cellsOf(table, 'drain')['runs'], '1 (1 broke off)');
  t.regex(table, /of the commits aaa, bbb\.$/);
  t.notRegex(table, /usurper|gone/);
});

test('times are of the quiet runs, and say so where there are none', (t) => {
  const busy = record({ seed: 1, load: 19, silenceMs: 9_000 });
  t.like(cellsOf(tableOf([busy], ['kill']), 'kill'), { 'timed runs': '1, none quiet', 'silence ms': '9,000' });
  const quiet = [5, 1, 2].map((silenceMs, i) => record({ seed: 2 + i, silenceMs, firstAckMs: silenceMs }));
  const cells = cellsOf(tableOf([busy, ...quiet], ['kill']), 'kill');
  t.like(cells, { runs: '4', 'timed runs': '3', 'silence ms': '2 (5)', 'first ack ms': '2 (5)' });
});

test('records survive from one invocation to the next, and the prose around the table stays', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-table-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [runs, readme] = [join(folder, 'runs.ndjson'), join(folder, 'README.md')];
  writeFileSync(readme, 'before\n<!-- figures: written by the runner -->\nold\n<!-- end of figures -->\nafter\n');
  t.deepEqual(readRecords(runs), []);
  for (const seed of [1, 2]) {
    appendRecord(runs, record({ seed }));
    writeFigures(readme, 'table', tableOf(readRecords(runs), ['kill']));
  }
  const text = readFileSync(readme, 'utf8');
  t.is(cellsOf(text.slice(text.indexOf('| nemesis')), 'kill')['runs'], '2');
  t.true(text.startsWith('before\n') && text.endsWith('after\n') && !text.includes('old'));
});

test('the summary counts every run and every violation', (t) => {
  const runs = [record({ seed: 1, wrong: { leak: 2 } }), record({ seed: 1, nemesis: 'drain', failure: 'it broke' })];
  const summary = summaryOf(runs);
  t.regex(summary, /2 runs of 2 kinds with 2,000 acked messages \(1 runs broke off\)/);
  t.regex(summary, /lost 0, .*leak 2, /);
  t.throws(() => writeFigures(import.meta.filename, 'summary', summary), { message: /no place/ });
});

test('only full runs go into the table', (t) => {
  t.like(readOptions(['kill', '--table', '--runs', '2']), { table: true });
  for (const smaller of [['--short'], ['--acked', '999'], ['--rounds', '1']])
    t.throws(() => readOptions(['kill', '--table', ...smaller]), { instanceOf: UsageError });
});
