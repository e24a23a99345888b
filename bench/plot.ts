/** Plots of recorded results, as SVG files beside them: readable on white, the same bytes for the same figures. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { subjectNames, subjectTitles } from './subjects.js';

export interface Plot {
  /** Name of the file without its ending. */
  readonly name: string;
  /** For those who do not see it. */
  readonly alt: string;
  /** A Vega-Lite specification with its data. */
  readonly spec: TopLevelSpec;
}

/** One of several plots side by side. */
export type Panel = Extract<TopLevelSpec, { hconcat: unknown }>['hconcat'][number];

/** One colour per server in all plots, told apart by colour-blind readers too (Okabe and Ito). */
export const subjectColours = {
  domain: subjectNames.map((name) => subjectTitles[name]),
  range: ['#0072B2', '#E69F00', '#009E73', '#CC79A7'],
};

/** A page in dark colours shows the plot as a white card. */
const theme = {
  background: 'white',
  padding: 12,
  font: 'Helvetica, Arial, sans-serif',
  axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e4e4e4', labelColor: '#333' },
  legend: { labelFontSize: 12, titleFontSize: 12, labelLimit: 400, symbolSize: 120 },
  title: { fontSize: 14, subtitleFontSize: 11, subtitleColor: '#555', anchor: 'start' },
  view: { stroke: null },
} as const;

/** @throws Error when the specification is not one of Vega-Lite */
export async function svgOf({ spec }: Plot): Promise<string> {
  const compiled = compile(spec, { config: theme, logger: strict });
  // Clip paths are numbered through the process; each file begins again.
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

/** What Vega-Lite would only warn of is a plot that shows something else than it says. */
const strict: vega.LoggerInterface = vega.logger(vega.Error);
strict.warn = (...words) => {
  throw new Error(words.join(' '));
};

/** Writes what has changed into `<folder>/<name>.svg`. */
export async function writePlots(folder: string, plots: readonly Plot[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const plot of plots) {
    const file = `${folder}/${plot.name}.svg`;
    const svg = await svgOf(plot);
    if (read(file) !== svg) writeFileSync(file, svg);
  }
}

/** Markdown that shows a plot, from a README in bench/. */
export function imageOf({ name, alt }: Plot): string {
  return `![${alt}](results/${name}.svg)`;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
