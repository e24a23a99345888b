/** The command line of the chaos runner. */
import { parseArgs } from 'node:util';
import { nemeses } from './nemeses/all.js';
import type { Nemesis } from './nemeses/nemesis.js';

export const usage = `npm run chaos -- [nemesis…] [options]

  --runs N     runs of every nemesis, each with the next seed (1)
  --seed S     first seed; the default is taken from the clock and printed
  --rounds N   strikes of a repeatable fault in one run (3)
  --acked N    a run goes on until so many messages are acked (1000)
  --short      one strike and 250 acked messages: what \`npm test\` does with some of them
  --keep       keeps the histories of good runs, too
  --table      adds the figures to those of the READMEs, run by run; full runs only
  --report     writes the tables of the recorded runs again, without a run
  --mutants    breaks the laws in copies of the build, one by one, and counts how many the checks catch
  --check F    judges a kept history again
  --json       one JSON object per run on the standard output
  --list       names the nemeses with their rows of the fault table
  --help`;

export class UsageError extends Error {}

export interface Options {
  readonly nemeses: readonly Nemesis[];
  readonly names: readonly string[];
  readonly runs: number;
  readonly seed: number;
  readonly rounds: number;
  readonly leastAcked: number;
  readonly keep: boolean;
  readonly table: boolean;
  readonly report: boolean;
  readonly mutants: boolean;
  readonly check: string | null;
  readonly json: boolean;
  readonly list: boolean;
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parse(args);
  if (values.help === true) return 'help';
  const number = (name: 'runs' | 'seed' | 'rounds' | 'acked', byDefault: number): number => {
    const given = values[name];
    if (given === undefined) return byDefault;
    if (!/^\d{1,9}$/.test(given)) throw new UsageError(`--${name} wants a whole number`);
    return Number(given);
  };
  const mutants = values.mutants === true;
  for (const name of mutants ? [] : positionals)
    if (!nemeses.some((one) => one.name === name)) throw new UsageError(`there is no nemesis ${name}`);
  const short = values.short === true;
  const leastAcked = number('acked', short ? 250 : 1000);
  // What is in the table is comparable: full runs only.
  if (values.table === true && (short || leastAcked < 1000 || values.rounds !== undefined))
    throw new UsageError('--table goes with full runs only');
  return {
    nemeses: positionals.length === 0 ? nemeses : nemeses.filter(({ name }) => positionals.includes(name)),
    names: positionals,
    runs: number('runs', 1),
    seed: number('seed', Math.floor(Date.now() / 1000) % 1_000_000),
    rounds: number('rounds', short ? 1 : 3),
    leastAcked,
    keep: values.keep === true,
    table: values.table === true,
    report: values.report === true,
    mutants,
    check: values.check ?? null,
    json: values.json === true,
    list: values.list === true,
  };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: text,
        seed: text,
        rounds: text,
        acked: text,
        check: text,
        short: flag,
        keep: flag,
        table: flag,
        report: flag,
        mutants: flag,
        json: flag,
        list: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
