/** What `npm run tune` recommends, and that it leaves nothing behind. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import type { Sample, Settings } from '../../bench/tune/judge.js';
import { readTuneOptions } from '../../bench/tune/options.js';
import { measurements, sweep, type Variable } from '../../bench/tune/sweep.js';
import { summary } from '../../bench/tune/table.js';
import { testServer, withClient } from '../harness/database.js';

const main = join(import.meta.dirname, '..', '..', 'bench', 'tune', 'main.js');
const shards: Variable = { name: 'SHARDS_PER_WORKER', values: ['1', '2', '4'], byDefault: '2' };
const frames: Variable = { name: 'FRAME_MAX_COMMANDS', values: ['128', '512', '2048'], byDefault: '512' };

/** A machine whose rates are known; `jitter` gives the noise of each measurement in turn. */
function machine(rate: (settings: Settings) => number, jitter: readonly number[] = [1]) {
  const measured: Settings[] = [];
  return {
    measured,
    measure: (settings: Settings): Promise<Sample> => {
      const noise = jitter[measured.length % jitter.length] ?? 1;
      measured.push(settings);
      return Promise.resolve({ rate: rate(settings) * noise, p99: 1 });
    },
  };
}

const shardRate = (settings: Settings): number => (settings['SHARDS_PER_WORKER'] === '4' ? 130 : 100);

test('the values that are better are found, one variable on top of the other', async (t) => {
  const frameRate = (settings: Settings) => (settings['FRAME_MAX_COMMANDS'] === '128' ? 1.2 : 1);
  const { measure, measured } = machine((settings) => shardRate(settings) * frameRate(settings), [1, 1.01, 0.99]);
  const plan = { variables: [shards, frames], rounds: 3, measure };
  const tuned = await sweep(plan);
  t.deepEqual(tuned.recommended, { SHARDS_PER_WORKER: '4', FRAME_MAX_COMMANDS: '128' });
  t.true(Math.abs((tuned.confirmed?.verdict.gain ?? 0) - 1.56) < 0.05);
  t.is(measured.length, measurements(plan), 'the progress knows how many measurements there are');
  t.regex(summary(tuned), /Recommended, 1\.5\d?x.*\n\nSHARDS_PER_WORKER=4\nFRAME_MAX_COMMANDS=128$/s);
});

test('the defaults are fine where nothing is better', async (t) => {
  const { measure } = machine(() => 100, [1, 1.02, 0.98, 1.01]);
  const tuned = await sweep({ variables: [shards, frames], rounds: 3, measure });
  t.deepEqual(tuned.recommended, {});
  t.is(tuned.confirmed, null);
  t.regex(summary(tuned), /The defaults are fine/);
});

test('a gain within the noise of the measurements is not recommended', async (t) => {
  // Two measurements of the same setting differ by more than the 30 % that four shards would bring.
  const { measure } = machine(shardRate, [1, 1, 1, 1.5]);
  const tuned = await sweep({ variables: [shards], rounds: 3, measure });
  t.true(tuned.noise > Math.log(1.3));
  t.deepEqual(tuned.recommended, {});
});

test('a gain that does not show again beside the defaults alone is not recommended', async (t) => {
  let count = 0;
  const { measure } = machine((settings) => {
    count += 1;
    return count <= 8 ? shardRate(settings) : 100;
  });
  const tuned = await sweep({ variables: [shards], rounds: 2, measure });
  t.deepEqual(tuned.confirmed?.settings, { SHARDS_PER_WORKER: '4' });
  t.deepEqual(tuned.recommended, {});
  t.regex(summary(tuned), /The defaults are fine/);
});

test('what is no setting, or no value of it, is refused by name', (t) => {
  t.throws(() => readTuneOptions(['--try', 'SHARDS=1']), { message: /SHARDS is no setting/ });
  t.throws(() => readTuneOptions(['--try', 'SHARDS_PER_WORKER=0,1']), { message: /0 must be a whole number/ });
  t.throws(() => readTuneOptions(['--case', 'none']), { message: /--case none/ });
  t.throws(() => readTuneOptions(['--rounds', '0']), { message: /--rounds/ });
});

interface Tuning {
  readonly child: ChildProcessWithoutNullStreams;
  readonly said: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<number | null>;
  readonly output: () => string;
}

function startTuning(...args: string[]): Tuning {
  const { host, port, user, password } = testServer();
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      ...process.env,
      BENCH_DB_HOST: host,
      BENCH_DB_PORT: String(port),
      BENCH_DB_USER: user,
      ...(password !== null && { BENCH_DB_PASSWORD: password }),
    },
  });
  let output = '';
  const listeners = new Set<() => void>();
  const hear = (chunk: Buffer) => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(output)) resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without saying ${pattern}:\n${output}`)));
    });
  return { child, said, ended, output: () => output };
}

async function databasesOf(pid: number | undefined): Promise<number> {
  return withClient(testServer(), async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname like $1', [
      `dinguscord_bench_${pid ?? 0}_%`,
    ]);
    return rowCount ?? 0;
  });
}

const short = ['--case', 'busy', '--rounds', '1', '--window', '0.3', '--warmup', '0.1'];

test.serial('the real service is measured with every value, and a verdict is given', async (t) => {
  const { child, ended, output } = startTuning('--try', 'SHARDS_PER_WORKER=1,2', ...short);
  t.teardown(() => child.kill('SIGKILL'));
  t.is(await ended, 0, output());
  t.regex(output(), /\| SHARDS_PER_WORKER=1 \| the defaults \|/);
  t.regex(output(), /tuning 100 % \(\d+\/\d+\)/);
  t.regex(output(), /The defaults are fine|Recommended, /);
  t.is(await databasesOf(child.pid), 0);
});

test.serial('when it is interrupted it drops its database and ends with 130', async (t) => {
  const { child, said, ended, output } = startTuning('--try', 'SHARDS_PER_WORKER=1,2,4,8', ...short);
  t.teardown(() => child.kill('SIGKILL'));
  await said(/tuning \d+ % \(1\//);
  child.kill('SIGINT');
  t.is(await ended, 130, output());
  t.regex(output(), /SIGINT: cleaning up/);
  t.is(await databasesOf(child.pid), 0);
});
