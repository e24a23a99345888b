/** Finds the package's root, which holds `sql/`: the same for sources and for every build folder. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('package.json was not found above the compiled files');
  return find(parent);
}

export const packageRoot = find(import.meta.dirname);
