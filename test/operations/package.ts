/** The package as its tests look at it: manifest, lock, and who imports what. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../../src/cli/root.js';

type Versions = Readonly<Record<string, string>>;

export interface Manifest {
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly scripts: Versions;
  readonly dependencies: Versions;
  readonly optionalDependencies: Versions;
  readonly devDependencies: Versions;
}

export function readText(name: string): string {
  return readFileSync(join(packageRoot, name), 'utf8');
}

export const manifest = JSON.parse(readText('package.json')) as Manifest;

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Packages that the sources under a folder name: by import, or (`require`, `resolve`) in quotes. */
export function packagesOf(folder: string): Set<string> {
  const files = readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' });
  const found = new Set<string>();
  for (const name of files.filter((one) => /\.(ts|mjs|js)$/.test(one))) {
    const text = readText(join(folder, name));
    const imports = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
    const quoted = [...text.matchAll(/(?:load|require|resolve)\(\s*['"`]([^'"`]+)/g)].map((match) => match[1] ?? '');
    for (const specifier of [...imports, ...quoted])
      if (!/^(\.|\/|node:)/.test(specifier)) found.add(packageOf(specifier));
  }
  return found;
}
