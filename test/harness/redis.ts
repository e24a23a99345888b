/** Whether the tests that need Redis can run here, and which those are. They start servers of their own beside the usual one. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { packageRoot } from '../../src/runtime/store/root.js';
import { generousMs } from './eventually.js';

const usualPort = 6379;
/** What a test file says of itself in its first comment. */
const mark = 'Needs Redis.';

export async function hasRedis(): Promise<boolean> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return false;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: usualPort, timeout: generousMs });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}

/** Compiled test files, relative to the package. */
export function filesThatNeedRedis(): string[] {
  const tests = join(import.meta.dirname, '..');
  return readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => name.endsWith('.test.js') && readFileSync(join(tests, name), 'utf8').slice(0, 1_000).includes(mark),
    )
    .map((name) => relative(packageRoot, join(tests, name)));
}
