/**
 * `npm run chaos`: breaks things around real service processes on real servers of its own, and judges from the outside whether
 * the promises held. Exit code 0: they did. 1: they did not, or a run could not be done. 2: wrong command line.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/runtime/store/root.js';
import { judge } from './check/judge.js';
import { readHistory } from './history.js';
import { huntMutants } from './mutants/hunt.js';
import { nemeses } from './nemeses/all.js';
import { readOptions, usage, UsageError, type Options } from './options.js';
import { appendRecord, readRecords, recordOf } from './records.js';
import { lineOf, passed } from './report.js';
import { run, type Outcome } from './run.js';
import { canFreeze } from './servers/postgres.js';
import { hasRabbit } from './servers/rabbitmq.js';
import { hasRedis } from './servers/redis.js';
import { summaryOf, tableOf, writeFigures } from './table.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function recheck(path: string): boolean {
  const violations = judge(readHistory(path));
  for (const { law, fault, room, detail } of violations) say(`law ${law}, ${fault}, ${room}: ${detail}`);
  say(violations.length === 0 ? 'the laws held' : `${violations.length} violations`);
  return violations.length === 0;
}

/** Why a nemesis cannot strike on this machine; null when it can. */
async function obstacle({ redis, rabbit, name }: (typeof nemeses)[number]): Promise<string | null> {
  if (redis === true && !hasRedis) return 'redis-server is not installed';
  if (rabbit === true && !(await hasRabbit())) return 'no RabbitMQ listens on 127.0.0.1:5672';
  if (name.startsWith('postgres-freeze') && !canFreeze) return 'there is no /proc';
  return null;
}

const chaosFolder = join(packageRoot, 'test', 'chaos');
const recorded = join(chaosFolder, 'runs.ndjson');

function writeTables(): void {
  const records = readRecords(recorded);
  const order = nemeses.map(({ name }) => name);
  writeFigures(join(chaosFolder, 'README.md'), 'table', tableOf(records, order));
  writeFigures(join(packageRoot, 'README.md'), 'summary', summaryOf(records));
}

/** After every run, so that a long series that is interrupted has told what it found. */
function keepFigures(outcome: Outcome): void {
  appendRecord(recorded, recordOf(outcome));
  writeTables();
}

async function strike(options: Options): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'chaos-'));
  const outcomes: Outcome[] = [];
  let skipped = 0;
  if (!options.json)
    say(`seed ${options.seed}, ${options.runs} runs of ${options.nemeses.length} nemeses, histories in ${root}`);
  for (const nemesis of options.nemeses) {
    const hindrance = await obstacle(nemesis);
    if (hindrance !== null) {
      skipped += 1;
      say(`SKIPPED ${nemesis.name}: ${hindrance}`);
      continue;
    }
    for (let count = 0; count < options.runs; count += 1) {
      const seed = options.seed + count;
      const folder = join(root, `${nemesis.name}-${seed}`);
      const { rounds, leastAcked } = options;
      const outcome = await run({ nemesis, seed, rounds, leastAcked, folder });
      outcomes.push(outcome);
      if (options.table) keepFigures(outcome);
      say(options.json ? JSON.stringify(outcome) : lineOf(outcome));
      if (passed(outcome) && !options.keep) rmSync(folder, { recursive: true, force: true });
    }
  }
  const good = outcomes.every(passed);
  if (good && !options.keep) rmSync(root, { recursive: true, force: true });
  if (!options.json)
    say(
      `${outcomes.filter(passed).length} of ${outcomes.length} runs kept the laws${skipped === 0 ? '' : `, ${skipped} nemeses SKIPPED`}`,
    );
  return good && outcomes.length > 0;
}

async function main(options: Options | 'help'): Promise<boolean> {
  if (options === 'help') {
    say(usage);
    return true;
  }
  if (options.report) {
    writeTables();
    return true;
  }
  if (options.list) {
    for (const { name, fault, nodes } of nemeses)
      say(`${name.padEnd(28)} ${nodes} node${nodes === 1 ? ' ' : 's'}  ${fault}`);
    return true;
  }
  if (options.check !== null) return recheck(options.check);
  if (options.mutants) return huntMutants(options.names, options.seed, say);
  return strike(options);
}

try {
  process.exitCode = (await main(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(error instanceof UsageError ? `${message}\n${usage}\n` : `chaos failed: ${message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
