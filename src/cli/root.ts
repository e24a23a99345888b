/** Where the package lies: the nearest folder above this module that holds a package.json, whatever folder it was built to. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  if (dirname(folder) === folder) throw new Error('No package.json above the program');
  return find(dirname(folder));
}

export const packageRoot = find(import.meta.dirname);
