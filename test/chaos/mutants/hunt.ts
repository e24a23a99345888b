/**
 * Proof that the checks can fail: each mutant breaks one law in a copy of the build, and the very same runner is started from
 * the copy. A mutant that nobody notices is a hole in the checks. Nothing of it is ever in the product.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { packageRoot } from '../../../src/runtime/store/root.js';
import type { Outcome } from '../run.js';
import { mutants, type Mutant } from './list.js';

/** The compiled tree that this file belongs to. */
const buildRoot = join(import.meta.dirname, '..', '..', '..');

/**
 * @param names of the mutants; all when empty
 * @returns whether all were caught
 */
export async function huntMutants(
  names: readonly string[],
  seed: number,
  say: (line: string) => void,
): Promise<boolean> {
  const hunted = mutants.filter(({ name }) => names.length === 0 || names.includes(name));
  let caught = 0;
  for (const mutant of hunted) {
    const found = await hunt(mutant, seed);
    if (found !== null) caught += 1;
    say(`${found === null ? '✘ NOT CAUGHT' : '✔ caught'}: ${mutant.name}${found === null ? '' : ` (${found})`}`);
  }
  say(`${caught} of ${hunted.length} mutants caught`);
  return caught === hunted.length && hunted.length > 0;
}

/** The first violation that gives the mutant away; null when none does in all of its runs. */
async function hunt(mutant: Mutant, seed: number): Promise<string | null> {
  const copy = mkdtempSync(join(tmpdir(), 'chaos-mutant-'));
  try {
    const build = join(copy, basename(relative(packageRoot, buildRoot)) || 'build');
    cpSync(buildRoot, build, { recursive: true });
    cpSync(join(packageRoot, 'sql'), join(copy, 'sql'), { recursive: true });
    cpSync(join(packageRoot, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'));
    for (const { file, from, to } of mutant.patches) {
      const path = file.startsWith('sql/') ? join(copy, file) : join(build, file);
      const text = readFileSync(path, 'utf8');
      const parts = text.split(from);
      if (parts.length !== 2)
        throw new Error(`the mutant "${mutant.name}" does not fit ${file}: ${parts.length - 1} places`);
      writeFileSync(path, parts.join(to));
    }
    for (const nemesis of mutant.nemeses) {
      const outcome = await runFrom(join(build, 'test', 'chaos', 'main.js'), nemesis, seed, mutant.rounds ?? 3);
      const violation = outcome.violations[0];
      if (violation !== undefined) return `${nemesis}: law ${violation.law}, ${violation.fault}, ${violation.detail}`;
      // A service that cannot live with its mutation proves nothing about the checks.
      if (outcome.failure !== null) return null;
    }
    return null;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function runFrom(program: string, nemesis: string, seed: number, rounds: number): Promise<Outcome> {
  const args = [program, nemesis, '--json', '--seed', String(seed), '--rounds', String(rounds), '--acked', '400'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const line = text.split('\n').find((one) => one.startsWith('{'));
      if (line === undefined) reject(new Error(`a run of ${nemesis} said nothing and ended with ${code}: ${text}`));
      else resolve(JSON.parse(line) as Outcome);
    });
  });
}
