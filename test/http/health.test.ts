/** What operators and their probes see in each phase and failure. */
import test from 'ava';
import { createHealth } from '../../src/http/health.js';
import { httpStage } from './support/stage.js';

const well = { run: () => Promise.resolve(), critical: true };
const ill = { run: () => Promise.reject(new Error('password of the database')), critical: true };
const hung = { run: () => new Promise<never>(() => undefined), critical: true };

test('health is UP with its checks, DEGRADED when something that is not needed fails, DOWN otherwise', async (t) => {
  const up = await httpStage({ checks: { database: well, workers: well } }).call('GET', '/health', undefined, null);
  t.is(up.status, 200);
  t.like(up.body, {
    status: 'UP',
    service: 'message-handling-service',
    checks: { database: { status: 'UP' }, workers: { status: 'UP' } },
  });
  t.false(Number.isNaN(Date.parse(String(up.body['timestamp']))));
  const degraded = await httpStage({ checks: { database: well, neighbour: { ...ill, critical: false } } }).call(
    'GET',
    '/health',
    undefined,
    null,
  );
  t.deepEqual([degraded.status, degraded.body['status']], [200, 'DEGRADED']);
  const down = await httpStage({ checks: { database: ill, workers: well } }).call('GET', '/health', undefined, null);
  t.deepEqual([down.status, down.body['status']], [503, 'DOWN']);
  t.false(down.text.includes('password'));
});

test('a check that hangs is DOWN after its time-out, and probes share it', async (t) => {
  let runs = 0;
  const counted = {
    run: () => {
      runs += 1;
      return hung.run();
    },
    critical: true,
  };
  const health = createHealth({
    checks: { database: counted },
    timeoutMs: 50,
    reuseMs: 60_000,
  });
  const reports = await Promise.all([health.report(), health.report(), health.report()]);
  t.deepEqual(
    reports.map(({ status }) => status),
    ['DOWN', 'DOWN', 'DOWN'],
  );
  await health.report();
  t.is(runs, 1);
});

test('ready only while serving, with rooms that accept and a database that answers; live always', async (t) => {
  const stage = httpStage({ checks: { database: well } });
  const probe = async (): Promise<unknown[]> => {
    t.is((await stage.call('GET', '/live', undefined, null)).status, 200);
    const { status, body } = await stage.call('GET', '/ready', undefined, null);
    return [status, body['reason']];
  };
  t.deepEqual(await probe(), [200, undefined]);
  stage.rooms.accepting = false;
  t.deepEqual(await probe(), [503, 'rooms']);
  stage.rooms.accepting = true;
  for (const phase of ['starting', 'draining'] as const) {
    stage.health.enter(phase);
    t.deepEqual(await probe(), [503, phase]);
  }
  t.is((await httpStage({ checks: { database: ill } }).call('GET', '/ready', undefined, null)).status, 503);
});

test('before it serves the service takes no work', async (t) => {
  const stage = httpStage();
  stage.health.enter('starting');
  const answer = await stage.call('GET', '/messages/room/r');
  t.deepEqual([answer.status, answer.body['code'], answer.headers.get('retry-after')], [503, 'UNAVAILABLE', '1']);
});

test('metrics are passed on as they are, and a failure is a 500', async (t) => {
  const answer = await httpStage().call('GET', '/metrics', undefined, null);
  t.deepEqual([answer.status, answer.text], [200, 'up 1\n']);
  t.regex(answer.headers.get('content-type') ?? '', /^text\/plain/);
  const broken = httpStage({ metrics: () => Promise.reject(new Error('worker gone')) });
  t.is((await broken.call('GET', '/metrics', undefined, null)).status, 500);
});
