/**
 * The entry of `npm test`: one database server for the whole run, a migrated template in it, ava as a child, and one last line
 * `N passed, N failed`. With DB_HOST set that server is used (DB_PORT, DB_USER, DB_PASSWORD beside it), otherwise an embedded one
 * that forgets everything at the end. Arguments go to ava; without a file among them all compiled tests run.
 * Files that say `Needs Redis.` are left out where there is none. With CI=true whatever is skipped counts as failed.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { EmbeddedPostgres } from '../../src/runtime/store/embedded/server.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { packageRoot } from '../../src/runtime/store/root.js';
import { filesThatNeedRedis, hasRedis } from './redis.js';
import { ensureTemplate, testServer, withClient } from './database.js';
import { TapReport, type Score } from './tap.js';

const ava = join(packageRoot, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const compiledTests = join(relative(packageRoot, join(import.meta.dirname, '..')), '**', '*.test.js');
/** Real processes, crash recovery and a busy machine: ava's own ten seconds without a result are too few. */
const quietSeconds = 600;

interface TestServer {
  readonly server: ConnectionSettings;
  stop(): Promise<void>;
}

/** What is to be undone at the end, whatever happens. */
async function openServer(): Promise<TestServer> {
  if (process.env['DB_HOST'] !== undefined && process.env['DB_HOST'] !== '')
    return { server: testServer(), stop: () => Promise.resolve() };
  const dataDir = mkdtempSync(join(tmpdir(), 'mhs-test-'));
  // The server may run as another user, who has to get through.
  chmodSync(dataDir, 0o711);
  const embedded = new EmbeddedPostgres({
    dataDir,
    database: 'postgres',
    maxConnections: 400,
    fsync: false,
    log: pino({ level: 'error' }),
  });
  const stop = async (): Promise<void> => {
    await embedded.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await embedded.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { server: embedded.connection, stop };
}

function environment(server: ConnectionSettings, template: string): NodeJS.ProcessEnv {
  // Tests start services with settings of their own: those of the run must not leak into them.
  const {
    DB_HOST: _host,
    DB_PORT: _port,
    DB_NAME: _name,
    DB_USER: _user,
    DB_PASSWORD: _password,
    ...rest
  } = process.env;
  return {
    ...rest,
    TEST_DB_HOST: server.host,
    TEST_DB_PORT: String(server.port),
    TEST_DB_USER: server.user,
    ...(server.password === null ? {} : { TEST_DB_PASSWORD: server.password }),
    TEST_DB_TEMPLATE: template,
  };
}

async function runAva(
  args: readonly string[],
  left: readonly string[],
  env: NodeJS.ProcessEnv,
  interrupted: AbortSignal,
): Promise<Score & { code: number }> {
  const files = args.some((arg) => !arg.startsWith('-')) ? [] : [compiledTests, ...left.map((file) => `!${file}`)];
  const timeout = args.some((arg) => arg.startsWith('--timeout') || arg === '-T') ? [] : [`--timeout=${quietSeconds}s`];
  const child = spawn(process.execPath, [ava, '--tap', ...timeout, ...args, ...files], {
    cwd: packageRoot,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  interrupted.addEventListener('abort', stop);
  if (interrupted.aborted) stop();
  const report = new TapReport(process.stdout);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => report.line(line));
  const read = once(lines, 'close');
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  await read;
  report.summary();
  return { ...report.score, code };
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());

const { server, stop } = await openServer();
try {
  // Of this run alone: on a server of the user's it is dropped at the end, beside other runs that may be under way.
  const template = await ensureTemplate(server, `run_${randomBytes(4).toString('hex')}`);
  const left = (await hasRedis()) ? [] : filesThatNeedRedis();
  const { passed, failed, skipped, code } = await runAva(
    process.argv.slice(2),
    left,
    environment(server, template),
    interrupt.signal,
  );
  for (const file of left) console.log(`SKIPPED: ${file}: no Redis on 127.0.0.1:6379, or no redis-server to start`);
  const strict = process.env['CI'] === 'true';
  const missed = skipped.length + left.length;
  if (strict && missed > 0) console.log(`${missed} tests or files were skipped, which CI counts as failed`);
  const wrong = failed + (strict ? missed : 0);
  // A run that ends badly without a failed test (no test found, interrupted) has not passed.
  if (code !== 0 && wrong === 0)
    console.log(interrupt.signal.aborted ? 'The run was interrupted' : `The test runner ended with code ${code}`);
  process.exitCode = code !== 0 ? code : wrong > 0 ? 1 : 0;
  await withClient(server, (client) => client.query(`drop database if exists ${template} with (force)`));
  console.log(`${passed} passed, ${code !== 0 && wrong === 0 ? 1 : wrong} failed`);
} finally {
  await stop();
}
