/** The parser's table, and that it leaves no line of the fixtures out. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { packageRoot } from '../../src/runtime/store/root.js';
import { decodeLine, parseLog, pieces, type Entry } from './parse.js';

function one(line: string): Entry | undefined {
  return parseLog(Buffer.from(line))[0];
}

const table: readonly (readonly [name: string, line: string, expected: Record<string, unknown>])[] = [
  [
    'a message',
    '[12:18] <|trey|> usual, quite stable',
    { kind: 'message', nick: '|trey|', text: 'usual, quite stable' },
  ],
  ['a message with brackets in it', '[12:18] <a> <b> [01:02]', { kind: 'message', nick: 'a', text: '<b> [01:02]' }],
  ['an empty message', '[12:18] <a> ', { kind: 'message', nick: 'a', text: '' }],
  ['leading blanks of a text', '[12:18] <a>   x', { kind: 'message', nick: 'a', text: '  x' }],
  ['a timed action', '[07:35]  * SinPro slaps Incarus', { kind: 'action', nick: 'SinPro', text: 'slaps Incarus' }],
  ['a timed action without words', '[07:09]  * homejoe', { kind: 'action', nick: 'homejoe', text: '' }],
  ['an untimed action', '=== ogra thinks it may be', { kind: 'action', nick: 'ogra', text: 'thinks it may be' }],
  ['a join', '=== tvon [tvon@dsl.example]  has joined #ubuntu', { kind: 'join', nick: 'tvon' }],
  ['a join with odd brackets in the nick', '=== a[b] [~x@y]  has joined #Ubuntu', { kind: 'join', nick: 'a[b]' }],
  ['a leave', '=== topyli [~juha@example.fi]  has left #ubuntu []', { kind: 'leave', nick: 'topyli' }],
  ['a leave with a last word', '=== a [b@c]  has left #ubuntu ["has joined"]', { kind: 'leave', nick: 'a' }],
  ['a quit', '=== a [b@c] has quit [Ping timeout]', { kind: 'leave', nick: 'a' }],
  ['a rename', '=== usual is now known as ubuntor', { kind: 'rename', nick: 'usual', to: 'ubuntor' }],
  ['a mode change', '=== mode/#ubuntu [+o Seveas]  by ChanServ', { kind: 'other' }],
  ['a line of nothing known', 'hello', { kind: 'other' }],
  ['an empty line', '', { kind: 'other' }],
];
for (const [name, line, expected] of table)
  test(`${name} is read as ${String(expected['kind'])}`, (t) => {
    t.like(one(`${line}\n`), expected);
  });

test('every line of both fixtures gives one entry, in order, and nothing runs back in time', (t) => {
  for (const name of ['2005-06-27_12', '2016-12-19_20']) {
    const bytes = readFileSync(`${packageRoot}/test/fixtures/${name}.txt`);
    const entries = parseLog(bytes);
    const lines = bytes.toString('utf8').trimEnd().split('\n');
    t.deepEqual(
      entries.map((entry) => entry.line),
      lines.map((_, at) => at + 1),
    );
    t.true(entries.every((entry, at) => entry.minute >= (entries[at - 1]?.minute ?? 0)));
    const spoken = lines.filter((line) => /^\[\d\d:\d\d\] </.test(line)).length;
    t.is(entries.filter((entry) => entry.kind === 'message').length, spoken);
    const joined = lines.filter((line) => /^=== \S+ \[.*has joined #/.test(line)).length;
    t.is(entries.filter((entry) => entry.kind === 'join').length, joined);
  }
});

test('minutes go on over midnight and over the turn of a half-day clock, and never back', (t) => {
  const minutes = (text: string): number[] => parseLog(Buffer.from(text)).map((entry) => entry.minute);
  t.deepEqual(minutes('[23:58] <a> x\n[00:01] <a> y\n'), [0, 3]);
  t.deepEqual(minutes('[12:59] <a> x\n[01:00] <a> y\n'), [0, 1]);
  t.deepEqual(minutes('[10:05] <a> x\n[10:04] <a> y\n[10:06] <a> z\n'), [0, 0, 1]);
  t.deepEqual(minutes('=== a [b]  has joined #c\n[10:05] <a> x\n'), [0, 0]);
});

test('a line that is no UTF-8 is read as Latin-1, others of the same log as UTF-8', (t) => {
  t.is(decodeLine(Buffer.from('café')), 'café');
  t.is(decodeLine(Buffer.from([0x63, 0x61, 0x66, 0xe9])), 'café');
});

test('a text over the limit is split between whole characters, an empty one is not sent', (t) => {
  t.deepEqual(pieces('abcde', 2), ['ab', 'cd', 'e']);
  t.deepEqual(pieces('😀😀😀', 2), ['😀😀', '😀']);
  t.deepEqual(pieces('a\0b', 9), ['ab']);
  t.deepEqual(pieces('   ', 9), []);
});
