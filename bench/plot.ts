/** Plots of recorded results. */

export interface Plot {
  /** Name of the file without its ending. */
  readonly name: string;
  /** For those who do not see it. */
  readonly alt: string;
  /** A Vega-Lite specification with its data. */
  readonly spec: object;
}
