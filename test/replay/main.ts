/**
 * `npm run replay -- <log file or folder>...`: plays real chat logs through a running service, or through one that it starts
 * on an embedded database in a temporary folder, and reports whether anything was lost, doubled or out of order.
 * Exit code 0: nothing was. 1: something was, or the replay could not be done. 2: wrong command line.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { RunningService } from '../harness/service.js';
import { readOptions, usage, UsageError, type Options } from './options.js';
import { replay } from './replay.js';
import { passed, report } from './report.js';

async function logsAt(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(txt|log)$/.test(name) && !/^(readme|notice)/i.test(name));
  if (names.length === 0) throw new Error(`no .txt or .log file in ${path}`);
  return names.sort().map((name) => join(path, name));
}

/** Starts a service of our own where none is named. */
async function venueFor({ url, secret }: Options): Promise<{ url: string; close: () => Promise<void> }> {
  if (url !== null) return { url, close: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), 'replay-'));
  process.stdout.write('starting a service on an embedded database\n');
  try {
    const service = await RunningService.start({ DATA_DIR: join(folder, 'data'), JWT_SECRET: secret });
    return {
      url: service.url,
      close: async () => {
        await service.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function run(options: Options): Promise<boolean> {
  const logs = (await Promise.all(options.paths.map(logsAt))).flat();
  const venue = await venueFor(options);
  // A new room for every replay: the same lines under the same client_msg_id would rightly get the old messages back.
  const stamp = Date.now().toString(36);
  let good = true;
  try {
    for (const log of logs) {
      const stem = basename(log, extname(log));
      const named =
        options.room === null ? `${stem}-${stamp}` : logs.length === 1 ? options.room : `${options.room}-${stem}`;
      const outcome = await replay(
        log,
        { url: venue.url, room: named, secret: options.secret },
        options,
        process.stdout,
      );
      process.stdout.write(`${report(outcome)}\n`);
      good &&= passed(outcome);
    }
  } finally {
    await venue.close();
  }
  return good;
}

try {
  process.exitCode = (await run(readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(error instanceof UsageError ? `${message}\n${usage}\n` : `replay failed: ${message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
