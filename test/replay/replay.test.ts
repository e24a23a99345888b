/** The replay itself, as a user runs it: a real log, real clients, a real service; also through a crash of the service. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { packageRoot } from '../../src/runtime/store/root.js';
import { within } from '../harness/eventually.js';
import { stageFor, unique } from '../harness/stage.js';
import { readOptions, UsageError } from './options.js';
import { replay } from './replay.js';
import { passed, report } from './report.js';

const stage = stageFor(test);
const fixtures = `${packageRoot}/test/fixtures`;
const main = fileURLToPath(new URL('main.js', import.meta.url));
const silent = { write: () => true };
const flatOut = { speed: null, window: 64, clients: 200 };

test.serial('a log flat out loses, doubles and reorders nothing, and the command says so', async (t) => {
  const child = spawn(
    process.execPath,
    [main, `${fixtures}/2005-06-27_12.txt`, '--url', stage.url, '--clients', '100'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await within(new Promise((resolve) => child.once('close', resolve)), 'the replay', 240_000);
  t.log(output);
  t.is(code, 0, output);
  t.regex(output, /passed\n/);
  t.regex(output, /lost: 0, doubled: 0, out of order: 0, changed: 0/);
  t.regex(output, / 100 % \(\d+\/\d+\)\n/, 'without a terminal progress comes in plain lines');
});

test.serial('a log played through a crash and restart of the service is whole all the same', async (t) => {
  const venue = { url: stage.url, room: unique('crash'), secret: 'your_jwt_secret_for_development_only' };
  const crashes: Promise<void>[] = [];
  const screen = {
    write(text: string) {
      if (text.includes(' 40 %')) crashes.push(stage.service.kill9().then(() => stage.service.restart()));
      return true;
    },
  };
  try {
    const outcome = await within(
      replay(`${fixtures}/2016-12-19_20.txt`, venue, flatOut, screen),
      'the replay',
      120_000,
    );
    t.is(crashes.length, 1, 'the service was killed in the middle');
    await Promise.all(crashes);
    t.log(report(outcome));
    t.true(passed(outcome), report(outcome));
    t.true(outcome.ledger.reconnects > 0);
    t.true(outcome.ledger.catchUps > 0);
  } catch (error) {
    t.log(stage.service.output.tail());
    throw error;
  }
});

test.serial(
  'fewer connections than nicks are enough: the longest silent one leaves and catches up when it comes back',
  async (t) => {
    const venue = { url: stage.url, room: unique('few'), secret: 'your_jwt_secret_for_development_only' };
    const outcome = await replay(`${fixtures}/2016-12-19_20.txt`, venue, { ...flatOut, clients: 8 }, silent);
    t.true(passed(outcome), report(outcome));
    t.is(outcome.played.mostClients, 8);
    t.true(outcome.ledger.catchUps > 0);
  },
);

test('a wrong command line is refused with its reason', (t) => {
  for (const args of [
    [],
    ['a', '--speed', '0'],
    ['a', '--speed', 'x'],
    ['a', '--url', 'ftp://x'],
    ['a', '--clients', '0'],
    ['a', '--nonsense'],
  ])
    t.throws(() => readOptions(args), { instanceOf: UsageError }, args.join(' '));
  t.deepEqual(readOptions(['a', 'b']).paths, ['a', 'b']);
  t.like(readOptions(['log', '--speed', '60', '--url', 'http://x/']), { paths: ['log'], speed: 60, url: 'http://x' });
});
