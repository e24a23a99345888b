import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import ts from 'typescript';
import { packageRoot } from '../../src/cli/root.js';
import { plainNames, rules, shortFiles, type SourceFile } from './rules.js';

function source(path: string, text: string): SourceFile {
  const imports = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
  return { path, text, imports };
}

function sources(folder: string): SourceFile[] {
  return readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => source(path, readFileSync(join(packageRoot, path), 'utf8')));
}

const files = sources('src');

for (const rule of [shortFiles, plainNames])
  test(`in tests and benchmarks, too: ${rule.name}`, (t) => {
    const found = ['test', 'bench'].flatMap(sources).flatMap((file) => rule.check(file));
    t.deepEqual(found, [], `${rule.reason}:\n${found.join('\n')}`);
  });

for (const rule of rules)
  test(rule.name, (t) => {
    const found = files.flatMap((file) => rule.check(file));
    t.deepEqual(found, [], `${rule.reason}:\n${found.join('\n')}`);
  });

test('the rules look at real files', (t) => {
  for (const path of ['src/config.ts', 'src/actors/rejections.ts', 'src/runtime/rooms.ts'])
    t.true(
      files.some((file) => file.path === path),
      path,
    );
});

/** One violation per line; a rule that does not see its own is no rule. */
const doc = '/** x */\n';
const violations: readonly [path: string, text: string][] = [
  ['src/actors/room.ts', "import { randomUUID } from 'node:crypto';"],
  ['src/actors/room.ts', "import type { Frame } from '../runtime/frames.js';"],
  ['src/actors/protocol/a.ts', "export type { Room } from '../room.js';"],
  ['src/runtime/shard.ts', "import { room } from '../actors/room.js';"],
  ['src/runtime/shard.ts', "import type { Chat } from '../edge/port.js';"],
  ['src/runtime/worker.ts', "import { hub } from '../ws/hub.js';"],
  ['src/edge/chat.ts', "import { mailbox } from '../runtime/mailbox.js';"],
  ['src/edge/chat.ts', "import { pool } from '../runtime/store/postgres/reads.js';"],
  ['src/http/app.ts', "const { hub } = await import('../ws/hub.js');"],
  ['src/ws/edge.ts', "import '../http/app.js';"],
  ['src/observe/log.ts', "import type { Rooms } from '../runtime/rooms.js';"],
  ['src/config.ts', "import './observe/log.js';"],
  ['src/cli/token.ts', "import '../runtime/rooms.js';"],
  ['src/http/app.ts', "import '../main.js';"],
  ['src/main.ts', "import { roomBehaviour } from './actors/room.js';"],
  ['src/http/app.ts', 'const port = process.env.PORT;'],
  ['src/http/app.ts', "const port = process['env'].PORT;"],
  ['src/http/app.ts', 'const { env } = process;'],
  ['src/runtime/store/a.ts', "await client.query('SELECT id FROM messages');"],
  ['src/runtime/store/a.ts', 'await client.query(`INSERT INTO rooms VALUES ($1)`);'],
  ['src/runtime/store/a.ts', 'await client.query("UPDATE rooms SET last_seq = 0");'],
  ['src/http/app.ts', 'x;\n'.repeat(301)],
  ['src/http/utils.ts', ''],
];

for (const [path, text] of violations)
  test(`seen as a violation: ${path} with ${text.slice(0, 60).replaceAll('\n', ' ')}`, (t) => {
    const file = source(path, `${doc}${text}\n`);
    t.true(rules.some((rule) => rule.check(file).length > 0));
  });

test('a file without a doc comment is seen', (t) => {
  t.true(rules.some((rule) => rule.check(source('src/http/app.ts', 'export {};\n')).length > 0));
});

const allowed: readonly [path: string, text: string][] = [
  ['src/runtime/worker.ts', "import { roomBehaviour } from '../actors/room.js';"],
  ['src/ws/edge.ts', "import type { Chat } from '../edge/port.js';"],
  ['src/http/app.ts', "import { rejections } from '../actors/rejections.js'; import { Hono } from 'hono';"],
  ['src/http/app.ts', '// SELECT id FROM messages is what the store does\nconst select = "Select one from the list";'],
];

for (const [path, text] of allowed)
  test(`no violation: ${path} with ${text.slice(0, 60).replaceAll('\n', ' ')}`, (t) => {
    const file = source(path, `${doc}${text}\n`);
    t.deepEqual(
      rules.flatMap((rule) => rule.check(file)),
      [],
    );
  });
