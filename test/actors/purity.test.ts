/** The actors know nothing of the world: what they import is only themselves, and time and chance are arguments. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';
import type { Behaviour } from '../../src/runtime/behaviour.js';
import { roomBehaviour, type RoomReply, type RoomState } from '../../src/actors/room.js';
import { limits } from './support/commands.js';

function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!readdirSync(folder).includes('package.json')) folder = dirname(folder);
  return folder;
}

const folder = join(packageRoot(), 'src', 'actors');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

test('no file of the actors imports anything from outside their folder', (t) => {
  t.true(files.length > 10);
  for (const file of files) {
    const source = readFileSync(join(folder, file), 'utf8');
    const imports = [...source.matchAll(/(?:\bfrom|\bimport\s*\(?)\s*['"]([^'"]+)['"]/g)].map(
      (match) => match[1] ?? '',
    );
    for (const path of imports) {
      const target = relative(folder, resolve(folder, dirname(file), path));
      t.true(path.startsWith('.') && !target.startsWith('..'), `${file} imports ${path}`);
    }
  }
});

test('the actors ask no clock, no chance, no process and no console', (t) => {
  for (const file of files) {
    const code = readFileSync(join(folder, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    t.notRegex(
      code,
      /Date\.now|new Date\(\)|Math\.random|performance|process\.|console\.|crypto|setTimeout|globalThis/,
      file,
    );
  }
});

test('the room behaviour is one that the runtime can run', (t) => {
  const behaviour: Behaviour<RoomState, RoomReply> = roomBehaviour(limits);
  t.is(behaviour.lastSeq(behaviour.activate({ key: 'k', lastSeq: 0, lastVersion: 0, recent: [] })), 0);
});
