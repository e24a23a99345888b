/**
 * A few nemeses in short form, as part of every test run: real processes on real servers. The long form is `npm run chaos`.
 * A nemesis whose server is not installed here is skipped, and the run says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { nemeses } from './nemeses/all.js';
import { run } from './run.js';
import { hasRedis } from './servers/redis.js';

/** One of every kind: a thread, a process, an unknown commit, a node beside another, the way between them. */
const short = ['worker-exit', 'kill-midway', 'commit-unknown', 'node-kill', 'redis-restart'];
const seed = 20_260_101;

for (const nemesis of nemeses.filter(({ name }) => short.includes(name))) {
  const serial = nemesis.redis === true && !hasRedis ? test.serial.skip : test.serial;
  serial(`the laws hold under ${nemesis.name}`, async (t) => {
    // The services have a database and processes of their own; only the time they take is beyond ava's usual.
    t.timeout(600_000);
    const folder = mkdtempSync(join(tmpdir(), `chaos-${nemesis.name}-`));
    const { violations, failure, figures } = await run({ nemesis, seed, rounds: 1, leastAcked: 250, folder });
    t.deepEqual([failure, violations], [null, []], `the history is kept in ${folder}`);
    t.true(figures.acked >= 250);
    rmSync(folder, { recursive: true, force: true });
  });
}
