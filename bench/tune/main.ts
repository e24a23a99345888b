/** `npm run tune`: finds the settings of the pool that are best on this machine and database. See bench/README.md. */
import { mkdirSync } from 'node:fs';
import { endOnSignals, killChildren } from '../child.js';
import { faultsOf, measure } from '../closed/round.js';
import { ackedRate } from '../closed/shapes.js';
import { openDatabaseServer } from '../database-server.js';
import { describeMachine } from '../machine.js';
import type { Postgres } from '../postgres.js';
import { Progress } from '../progress.js';
import type { Measured } from '../results.js';
import { outFolder } from '../root.js';
import type { Sample, Settings } from './judge.js';
import { readTuneOptions, usage, type TuneOptions } from './options.js';
import { measurements, sweep } from './sweep.js';
import { environment, summary } from './table.js';

/** Measures a setting under each of the loads. @throws Error when a message was lost, doubled or out of order */
async function sample(settings: Settings, options: TuneOptions, postgres: Postgres): Promise<Sample> {
  const all: Measured[] = [];
  for (const shape of options.shapes) {
    const output = `${outFolder}/tune-${shape.name}.log`;
    const measured = await measure('service', shape, options, postgres, { settings, flags: [] }, output);
    const fault = faultsOf(measured.validation);
    if (fault !== null) throw new Error(`NOT CORRECT with ${environment(settings)}: ${fault}`);
    all.push(measured);
  }
  const logs = all.map((measured) => Math.log(ackedRate(measured)));
  return {
    rate: Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length),
    p99: Math.max(...all.map(({ latency }) => latency.p99)),
  };
}

async function tune(options: TuneOptions): Promise<void> {
  mkdirSync(outFolder, { recursive: true });
  const postgres = await openDatabaseServer(outFolder);
  const total = measurements(options);
  const progress = new Progress(process.stdout, 'tuning', total);
  let done = 0;
  try {
    const { cpu, cores } = describeMachine(postgres.description);
    console.log(`${cpu}, ${cores} cores, ${postgres.description}`);
    progress.at(0);
    const tuned = await sweep({
      ...options,
      measure: async (settings) => {
        const measured = await sample(settings, options, postgres);
        progress.at((done += 1));
        return measured;
      },
    });
    if (done < total) progress.at(total);
    progress.end();
    console.log(`\n${summary(tuned)}`);
  } finally {
    killChildren();
    await postgres.close();
  }
}

endOnSignals();
try {
  const options = readTuneOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else await tune(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode ??= 1;
}
