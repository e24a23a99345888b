/** The bench: runs the cases, prints and records what they show, and renews the tables of the READMEs. See bench/README.md. */
import { mkdirSync } from 'node:fs';
import type { BenchCase } from './case.js';
import { cases } from './cases.js';
import { endOnSignals, killChildren } from './child.js';
import { openDatabaseServer } from './database-server.js';
import { isContinuousIntegration } from './environment.js';
import { describeCommit, describeMachine } from './machine.js';
import { goalTable } from './markdown.js';
import { describeNeighbours } from './neighbours.js';
import { readOptions, usage, type Options } from './options.js';
import type { Postgres } from './postgres.js';
import { svgOf, writePlots } from './plot.js';
import { details, headline, plots, putBetweenMarkers, summary } from './report.js';
import { writeResults } from './results.js';
import { outFolder, packageRoot, resultsFolder } from './root.js';
import { commandOf, serviceSettings, subjectNames, type SubjectName } from './subjects.js';

/** What all cases of a run share. */
interface Surroundings {
  readonly options: Options;
  readonly postgres: Postgres;
  readonly subjects: readonly SubjectName[];
  /** For the record: the servers beside Postgres. */
  readonly neighbours: string | null;
  /** What is not measured, for those who read the first or the last lines of a run; empty when everything is. */
  readonly leftOut: string;
}

/**
 * The servers to compare. Where Redis or RabbitMQ cannot be reached, the yardstick that needs them is left out: loudly, and
 * a smoke test of CI fails.
 */
async function surroundings(options: Options, postgres: Postgres): Promise<Surroundings> {
  const asked = subjectNames.filter((name) =>
    options.profile ? name === 'service' : options.only.length === 0 || options.only.includes(name),
  );
  const all = { options, postgres, subjects: asked, neighbours: null, leftOut: '' };
  if (!asked.includes('layered')) return all;
  const found = await describeNeighbours();
  if (found.ok) {
    console.log(found.description);
    return { ...all, neighbours: found.description };
  }
  const leftOut = `LEFT OUT: layered: ${found.reason}. Goals that compare with it are not measured.`;
  console.error(leftOut);
  if (options.smoke && isContinuousIntegration()) process.exitCode = 1;
  return { ...all, subjects: asked.filter((name) => name !== 'layered'), leftOut };
}

/** Runs all rounds of a case, prints and records them. @returns what was wrong */
async function runCase(one: BenchCase, around: Surroundings): Promise<string[]> {
  const { options, postgres, subjects } = around;
  console.log(`\n${one.name}: ${one.title}`);
  const rounds: unknown[] = [];
  const faults: string[] = [];
  for (let round = 1; round <= Math.min(options.rounds, one.maxRounds ?? Infinity); round += 1) {
    const measured = await one.measure({
      options,
      postgres,
      subjects,
      round,
      outputFile: (label) => `${outFolder}/${one.name}-${round}-${label}.log`,
      say: (line) => {
        console.log(`  round ${round}  ${line}`);
      },
    });
    rounds.push(measured);
    faults.push(...one.faults(measured).map((fault) => `${one.name}, round ${round}: ${fault}`));
  }
  console.log(`\n${one.tables(rounds)}\n\n${goalTable(one.goals(rounds))}`);
  // In a run that writes nothing too, so that one which cannot be drawn is found.
  for (const plot of one.plots?.(rounds) ?? []) await svgOf(plot);
  if (!options.dry) record(one, around, rounds);
  return faults;
}

function record(one: BenchCase, { options, postgres, neighbours }: Surroundings, rounds: readonly unknown[]): void {
  const file = writeResults(resultsFolder, {
    case: one.name,
    date: new Date().toISOString(),
    commit: describeCommit(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    servers: Object.fromEntries(subjectNames.map((subject) => [subject, commandOf(subject)])),
    serviceSettings: { ...serviceSettings, ...options.settings },
    machine: describeMachine(postgres.description),
    neighbours,
    parameters: one.parameters(options),
    rounds,
  });
  console.log(`written: ${file.slice(packageRoot.length + 1)}`);
}

async function renewReadmes(): Promise<void> {
  await writePlots(resultsFolder, plots(resultsFolder));
  putBetweenMarkers(`${packageRoot}/bench/README.md`, 'goals', summary(resultsFolder));
  putBetweenMarkers(`${packageRoot}/bench/README.md`, 'bench', details(resultsFolder));
  const lines = headline(resultsFolder);
  if (lines !== null) putBetweenMarkers(`${packageRoot}/README.md`, 'bench', lines);
}

async function run(options: Options): Promise<void> {
  if (options.report) {
    await renewReadmes();
    return;
  }
  mkdirSync(outFolder, { recursive: true });
  const postgres = await openDatabaseServer(outFolder);
  const faults: string[] = [];
  let leftOut = '';
  try {
    console.log(postgres.description);
    const around = await surroundings(options, postgres);
    leftOut = around.leftOut;
    for (const one of cases)
      if (options.cases.includes(one.name) && (one.profiled === true || !options.profile))
        faults.push(...(await runCase(one, around)));
  } finally {
    killChildren();
    await postgres.close();
  }
  if (!options.dry) await renewReadmes();
  if (leftOut !== '') console.error(leftOut);
  for (const fault of faults) console.error(`NOT CORRECT: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

endOnSignals();
try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else await run(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode ??= 1;
}
