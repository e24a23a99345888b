/**
 * `npm run dev`: compiles on every change and restarts the service after each good compilation. The service runs in a
 * process group of its own, so that Ctrl-C reaches it once, from here, and it can drain.
 */
import { spawn } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compiler, service as sources } from './build.mjs';

const root = join(import.meta.dirname, '..');
const environment = join(root, '.env');
if (existsSync(environment)) process.loadEnvFile(environment);
process.env.LOG_FORMAT ??= 'pretty';

const tsc = compiler();
if (tsc === null) {
  console.error('npm run dev needs the development dependencies: npm ci');
  process.exit(1);
}

/** The running service, and whether another start waits for its end. */
let service = null;
let again = false;
let ending = false;

function start() {
  const args = ['--enable-source-maps', join(root, 'build/src/main.js')];
  service = spawn(process.execPath, args, { stdio: 'inherit', cwd: root, detached: true });
  service.once('exit', (code, signal) => {
    service = null;
    if (ending) process.exit(code ?? 1);
    if (again) {
      again = false;
      start();
    } else console.log(`The service ended (${signal ?? code}); it starts again with the next change`);
  });
}

function restart() {
  if (ending) return;
  if (service === null) start();
  else if (!again) {
    again = true;
    service.kill('SIGTERM');
  }
}

const watching = spawn(process.execPath, [tsc, '-p', sources, '--watch', '--preserveWatchOutput'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  cwd: root,
});
createInterface({ input: watching.stdout }).on('line', (line) => {
  console.log(line);
  if (/Found 0 errors/.test(line)) restart();
});
watching.once('exit', (code) => end('SIGTERM', code ?? 1));
// Statements are read from files when the service starts.
const statements = watch(join(root, 'sql'), { recursive: true }, restart);

function end(signal, code = 0) {
  if (ending) return;
  ending = true;
  statements.close();
  watching.kill();
  if (service === null) process.exit(code);
  else service.kill(signal);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
