import test from 'ava';
import { readConfig } from '../../src/config.js';
import { createLogTo, wantsPretty } from '../../src/observe/log.js';

function capture(level = 'info') {
  const lines: string[] = [];
  return { lines, log: createLogTo({ write: (line) => void lines.push(line) }, level, 'main') };
}

test('a line is one JSON object with service, thread, level and time', (t) => {
  const { lines, log } = capture();
  log.info({ room: 'a' }, 'hello');
  t.is(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  t.like(line, { service: 'message-handling-service', thread: 'main', room: 'a', msg: 'hello', level: 30 });
  t.regex(String(line['time']), /^\d{4}-\d\d-\d\dT/);
});

test('line breaks and control characters in values cannot forge a line', (t) => {
  const { lines, log } = capture();
  log.warn({ userId: 'x\n{"level":60,"msg":"forged"}' }, 'odd\r\nname');
  t.is(lines.length, 1);
  t.is(lines[0]?.trimEnd().includes('\n'), false);
});

test('tokens, passwords and message content are censored', (t) => {
  const { lines, log } = capture();
  log.info(
    { token: 's1', command: { content: 's2', metadata: 's3' }, headers: { authorization: 's4' }, password: 's5' },
    'x',
  );
  for (const secret of ['s1', 's2', 's3', 's4', 's5']) t.false(lines[0]?.includes(secret), secret);
});

test('lines below the level are not written', (t) => {
  const { lines, log } = capture('warn');
  log.info('quiet');
  t.is(lines.length, 0);
});

test('LOG_FORMAT decides; auto is never pretty outside development', (t) => {
  t.true(wantsPretty({ logFormat: 'pretty', nodeEnv: 'production' }));
  t.false(wantsPretty({ logFormat: 'json', nodeEnv: 'development' }));
  t.false(wantsPretty({ logFormat: 'auto', nodeEnv: 'production' }));
  t.is(readConfig({}).logFormat, 'auto');
});
