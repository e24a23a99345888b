/** Where the package lies: compiled code may be in build/ or in any other output folder below it. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const above = dirname(from);
  if (above === from) throw new Error('package.json not found above the bench');
  return find(above);
}

export const packageRoot = find(import.meta.dirname);
/** The output folder this very file was compiled into: the service beside it is the one that is measured. */
export const buildRoot = dirname(import.meta.dirname);
/** Output of servers, databases and profiles of a run; not kept. */
export const outFolder = `${packageRoot}/bench/out`;
export const resultsFolder = `${packageRoot}/bench/results`;
