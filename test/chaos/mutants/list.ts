/** The mutants: which law is broken, where, and which nemeses are to bring it to light. */

export interface Patch {
  /** In the build (`src/…js`) or of `sql/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly nemeses: readonly string[];
  readonly rounds?: number;
}

export const mutants: readonly Mutant[] = [];
