/**
 * Compiles to `build/`, incrementally, and removes outputs whose source is gone, so that no stale test or module runs.
 * The stamp is written after a build without errors only; `launch.mjs` compares it with the sources.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(import.meta.dirname, '..');
export const output = join(root, 'build');
export const stamp = join(output, '.built');

/** Path of the compiler; null in an installation without development dependencies. */
export function compiler() {
  try {
    return join(createRequire(import.meta.url).resolve('typescript/package.json'), '..', 'bin', 'tsc');
  } catch {
    return null;
  }
}

/** The sources of the service alone: their own project, so that a start does not compile tests and benchmarks. */
export const service = join(root, 'src');

/**
 * Compiles everything, or one project of it.
 * @returns whether there were no errors; they are on the terminal
 */
export function build(project = root) {
  const tsc = compiler();
  if (tsc === null) {
    console.error('Cannot build: TypeScript is not installed (npm ci without --omit=dev installs it)');
    return false;
  }
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit', cwd: root });
  if (status !== 0) return false;
  prune(output);
  writeFileSync(stamp, '');
  return true;
}

function prune(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) prune(path);
    else {
      const source = join(root, path.slice(output.length).replace(/\.js(\.map)?$/, '.ts'));
      if (/\.js(\.map)?$/.test(entry.name) && !existsSync(source)) rmSync(path);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = build() ? 0 : 1;
