/** The command line of the tuning. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { rows } from '../../src/config.js';
import { shapes, type Shape } from '../closed/shapes.js';
import type { Variable } from './sweep.js';

export interface TuneOptions {
  readonly variables: readonly Variable[];
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmupMs: number;
}

const shapeNames = shapes.map(({ name }) => name);
const cores = availableParallelism();

/** Half of the cores, all but one, and all; for two cores that is one and two. */
const threads = [...new Set([Math.ceil(cores / 2), Math.max(1, cores - 1), cores])];

/** What decides how commands become frames. Everything else is a bound, or concerns reads. */
const byDefault = [
  `WORKER_THREADS=${threads.join(',')}`,
  'SHARDS_PER_WORKER=1,2,4',
  'FRAME_MAX_COMMANDS=128,512,2048',
] as const;

export const usage = `npm run tune -- [options]

Measures the service on this machine with one setting after the other, and recommends those that beat the defaults by more than
the noise of the measurements. Every figure comes from a fresh process on a fresh database, under the closed loops of npm run bench.

Options
  --quick                 about two minutes on two cores instead of a quarter of an hour: one load, shorter windows, 2 rounds
  --try NAME=V1,V2,…      values of a variable to try instead of ${byDefault.join(' ')}; may be repeated
  --case NAME             a load: ${shapeNames.join(', ')}; may be repeated (busy and many)
  --rounds N              rounds per variable, the order reversed each time (3)
  --window SECONDS        measured time per setting, load and round (4)
  --warmup SECONDS        before it (2)
  --help

The database: BENCH_DB_HOST (a host or the folder of a unix socket), BENCH_DB_PORT, BENCH_DB_USER, BENCH_DB_PASSWORD of a role
that may create databases; without BENCH_DB_HOST an embedded Postgres is started for the run, with fsync on. Tune on the database
that the service will use, at a time when nothing else uses it.`;

/** @throws Error with a line for the user */
export function readTuneOptions(args: readonly string[]): TuneOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      try: { type: 'string', multiple: true },
      case: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      window: { type: 'string' },
      warmup: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return 'help';
  const quick = values.quick === true;
  const named = values.case ?? (quick ? ['busy'] : ['busy', 'many']);
  const unknown = named.find((name) => !shapeNames.includes(name));
  if (unknown !== undefined) throw new Error(`--case ${unknown}: ${shapeNames.join(', ')}`);
  return {
    variables: (values.try ?? byDefault).map(variable),
    shapes: shapes.filter(({ name }) => named.includes(name)),
    rounds: Math.ceil(positive('--rounds', values.rounds, quick ? 2 : 3)),
    windowMs: positive('--window', values.window, quick ? 2 : 4) * 1000,
    warmupMs: positive('--warmup', values.warmup, quick ? 1 : 2) * 1000,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} ${text}: a number above 0 is needed`);
  return value;
}

function variable(text: string): Variable {
  const [name = '', list = ''] = text.split('=', 2);
  const row = Object.values(rows).find(({ env }) => env === name);
  if (row === undefined) throw new Error(`--try ${text}: ${name} is no setting of the service`);
  const values = list.split(',').map((value) => value.trim());
  for (const value of values) {
    try {
      row.read(value);
    } catch (error) {
      throw new Error(`--try ${text}: ${value} ${error instanceof Error ? error.message : 'is not valid'}`, {
        cause: error,
      });
    }
  }
  return { name, values, byDefault: String(row.byDefault) };
}
