/** What a case is to reach, and whether it did. */

export interface Goal {
  /** Of the shape that was measured, such as `busy`. */
  readonly title: string;
  /** The yardstick, and the figure that is compared. */
  readonly against: string;
  readonly bound: 'at least' | 'at most';
  readonly limit: number;
  /** `x` for a ratio. */
  readonly unit: string;
}

/** A goal with the figure that its rounds gave; NaN when something that it needs was not measured. */
export interface Judged extends Goal {
  readonly figure: number;
}

/** False when a server that the goal needs was left out, or when the case was never run. */
export function isMeasured({ figure }: Judged): boolean {
  return !Number.isNaN(figure);
}

export function isReached({ bound, limit, figure }: Judged): boolean {
  return bound === 'at least' ? figure >= limit : figure <= limit;
}
