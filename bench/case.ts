/**
 * A case of the bench: what one round measures, and how its rounds become goals, tables and plots. All cases are run, recorded
 * and reported by the same few lines of run.ts and report.ts; what differs between them stands in a folder of their own.
 */
import type { Judged } from './goals.js';
import type { Options } from './options.js';
import type { Plot } from './plot.js';
import type { Postgres } from './postgres.js';
import type { SubjectName } from './subjects.js';

/** What a round may use. */
export interface Context {
  readonly options: Options;
  readonly postgres: Postgres;
  /** The servers that a case of several compares: those that were asked for and can run here. */
  readonly subjects: readonly SubjectName[];
  /** 1, 2, … */
  readonly round: number;
  /** Where a server of this round writes its output. @param label tells it from the others of the round */
  readonly outputFile: (label: string) => string;
  /** Prints a line of progress. */
  readonly say: (line: string) => void;
}

/** @typeParam Round plain data, kept as JSON */
export interface CaseOf<Round> {
  /** Names the file of its results, and the case on the command line. */
  readonly name: string;
  /** What it stands for, in the words of a reader who chooses a chat server. */
  readonly title: string;
  /** Whether `--profile` means something for it. */
  readonly profiled?: boolean;
  /** More rounds than this are not run, where one takes long and its figures hardly vary. */
  readonly maxRounds?: number;
  /** What it takes to repeat it. */
  readonly parameters: (options: Options) => Readonly<Record<string, number | string>>;
  /** One round; every second one takes its servers in reversed order (`inOrder`). */
  readonly measure: (context: Context) => Promise<Round>;
  /** What was wrong with what was measured; empty when nothing. */
  readonly faults: (round: Round) => readonly string[];
  readonly goals: (rounds: readonly Round[]) => readonly Judged[];
  /** Markdown. */
  readonly tables: (rounds: readonly Round[]) => string;
  readonly plots?: (rounds: readonly Round[]) => readonly Plot[];
}

/** A case whose rounds are known to itself only; its functions must be given what `measure` returned. */
export type BenchCase = CaseOf<unknown>;

/** Hides the shape of a case's rounds: they come from its own `measure` or from the JSON that it became. */
export function benchCase<Round>(of: CaseOf<Round>): BenchCase {
  const { plots, ...rest } = of;
  return {
    ...rest,
    faults: (round) => of.faults(round as Round),
    goals: (rounds) => of.goals(rounds as readonly Round[]),
    tables: (rounds) => of.tables(rounds as readonly Round[]),
    ...(plots !== undefined && { plots: (rounds) => plots(rounds as readonly Round[]) }),
  };
}

/** The servers or variants of a round in its order: reversed in every second round. */
export function inOrder<Item>({ round }: Context, items: readonly Item[]): readonly Item[] {
  return round % 2 === 1 ? items : items.toReversed();
}
