/** The bench: runs the cases, prints and records what they show, and renews the tables of the READMEs. See bench/README.md. */
import { mkdirSync, rmSync } from 'node:fs';
import { loadCases, type LoadCase } from './cases.js';
import { killChildren } from './child.js';
import { openDatabaseServer } from './database-server.js';
import { describeCommit, describeMachine } from './machine.js';
import { runMemoryRound } from './memory/case.js';
import { readOptions, usage, type Options } from './options.js';
import type { Postgres } from './postgres.js';
import { summarize } from './profile/summary.js';
import { fullReport, headline, loadTables, memoryTables, putBetweenMarkers } from './report.js';
import { writeResults, type LoadRound, type MemoryRound, type Results } from './results.js';
import { packageRoot } from './root.js';
import { faultsOf, measure, runRound } from './round.js';
import { commandOf, serviceSettings, subjectTitles, type SubjectName } from './subjects.js';

const benchFolder = `${packageRoot}/bench`;
const outFolder = `${benchFolder}/out`;
const resultsFolder = `${benchFolder}/results`;
const subjectOrder: readonly SubjectName[] = ['plain', 'one-insert', 'service'];
/** A memory round takes minutes and its figures hardly vary. */
const memoryRounds = 3;

/** What was wrong with what the clients saw. */
const faults: string[] = [];

function record<Round>(
  options: Options,
  postgres: Postgres,
  name: string,
  parameters: Record<string, number>,
  rounds: readonly Round[],
): void {
  if (options.dry) return;
  const results: Results<Round> = {
    case: name,
    date: new Date().toISOString(),
    commit: describeCommit(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    servers: Object.fromEntries(subjectOrder.map((subject) => [subject, commandOf(subject)])),
    serviceSettings: { ...serviceSettings, ...options.settings },
    machine: describeMachine(postgres.description),
    parameters,
    rounds,
  };
  console.log(`written: ${writeResults(resultsFolder, results).slice(packageRoot.length + 1)}`);
}

async function runLoadCase(load: LoadCase, options: Options, postgres: Postgres): Promise<void> {
  console.log(`\n${load.name}: ${load.title}`);
  const rounds: LoadRound[] = [];
  const profiles = `${outFolder}/profile-${load.name}`;
  if (options.profile) rmSync(profiles, { recursive: true, force: true });
  const flags = options.profile ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [];
  const wanted = subjectOrder.filter((name) =>
    options.profile ? name === 'service' : options.only.length === 0 || options.only.includes(name),
  );
  for (let i = 0; i < options.rounds; i += 1) {
    const order = i % 2 === 0 ? wanted : wanted.toReversed();
    const round = await runRound(order, async (name) => {
      const measured = await measure(
        name,
        load,
        { warmupMs: options.warmupMs, windowMs: options.windowMs },
        postgres,
        { settings: options.settings, flags },
        `${outFolder}/${load.name}-${i + 1}-${name}.log`,
      );
      const fault = faultsOf(measured.validation);
      if (fault !== null) faults.push(`${load.name}, round ${i + 1}, ${name}: ${fault}`);
      const rate = Math.round((measured.acked / measured.windowMs) * 1000);
      console.log(
        `  round ${i + 1}  ${subjectTitles[name].padEnd(31)} ${String(rate).padStart(7)} acked/s  ${fault ?? ''}`,
      );
      return measured;
    });
    rounds.push(round);
  }
  console.log(`\n${loadTables(load, rounds)}`);
  if (options.profile) console.log(summarize(profiles));
  const { rooms, members, senders, inFlight } = load;
  const { warmupMs, windowMs } = options;
  record(options, postgres, load.name, { rooms, members, senders, inFlight, warmupMs, windowMs }, rounds);
}

async function runMemoryCase(options: Options, postgres: Postgres): Promise<void> {
  console.log(`\nmemory: ${options.rooms} rooms touched, then left alone`);
  const plan = { rooms: options.rooms, idleTtlMs: options.idleTtlMs };
  const rounds: MemoryRound[] = [];
  for (let i = 0; i < Math.min(options.rounds, memoryRounds); i += 1) {
    const service = { settings: options.settings, flags: [] };
    const round = await runMemoryRound(plan, postgres, service, `${outFolder}/memory-${i + 1}.log`);
    rounds.push(round);
    if (round.failures > 0) faults.push(`memory, round ${i + 1}: ${round.failures} messages not acked`);
    if (round.residentEvicted > 0)
      faults.push(`memory, round ${i + 1}: ${round.residentEvicted} rooms were never evicted`);
    console.log(`  round ${i + 1}  ${Math.round(round.touchesPerSecond)} rooms touched/s`);
  }
  console.log(`\n${memoryTables(rounds)}`);
  record(options, postgres, 'memory', { rooms: options.rooms, idleTtlMs: options.idleTtlMs }, rounds);
}

function renewReadmes(): void {
  putBetweenMarkers(`${benchFolder}/README.md`, fullReport(resultsFolder));
  const lines = headline(resultsFolder);
  if (lines !== null) putBetweenMarkers(`${packageRoot}/README.md`, lines);
}

async function run(options: Options): Promise<void> {
  if (options.report) {
    renewReadmes();
    return;
  }
  mkdirSync(outFolder, { recursive: true });
  const postgres = await openDatabaseServer(outFolder);
  try {
    console.log(postgres.description);
    for (const load of loadCases) if (options.cases.includes(load.name)) await runLoadCase(load, options, postgres);
    if (options.cases.includes('memory') && !options.profile) await runMemoryCase(options, postgres);
  } finally {
    killChildren();
    await postgres.close();
  }
  if (!options.dry) renewReadmes();
  for (const fault of faults) console.error(`NOT CORRECT: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    // Whatever waits for a child fails now, and the way out drops the database and stops the embedded server.
    console.error(`${signal}: cleaning up`);
    process.exitCode = 130;
    killChildren();
  });

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else await run(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode ??= 1;
}
