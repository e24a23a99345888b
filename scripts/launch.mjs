/**
 * Runs a compiled program of this package: `node scripts/launch.mjs src/main.js [arguments]`. It builds first when sources
 * are newer than the build, loads `.env` if there is one (what the environment says already wins), and then becomes the
 * program by importing it: one process, so signals, exit code and terminal are the program's own.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build, compiler, output, service, stamp } from './build.mjs';

const root = join(import.meta.dirname, '..');
const [program = 'src/main.js', ...args] = process.argv.slice(2);
const entry = join(output, program);

/** Whether anything that goes into the build is newer than the last good one. */
function stale() {
  if (!existsSync(entry) || !existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  const newer = (path) => existsSync(path) && statSync(path).mtimeMs > built;
  if (newer(join(root, 'tsconfig.json'))) return true;
  return readdirSync(service, { recursive: true }).some((name) => newer(join(service, name)));
}

// An installation for production has the build and neither the sources nor the compiler: it runs what is there.
const buildable = existsSync(service) && compiler() !== null;
if (buildable && stale()) {
  // Not to stdout: that is the program's, such as the token that npm run token prints.
  console.error('Compiling the service ...');
  if (!build(service)) process.exit(1);
}
if (!existsSync(entry)) {
  console.error(`${program} is not built, and TypeScript is not installed to build it`);
  process.exit(1);
}

const environment = join(root, '.env');
if (existsSync(environment)) process.loadEnvFile(environment);
process.setSourceMapsEnabled(true);
process.argv = [process.argv[0], entry, ...args];
await import(entry);
