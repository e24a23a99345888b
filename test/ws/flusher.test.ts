/** When sockets are written: those who wait for an answer at once, listeners in slices, and nothing is forgotten. */
import test from 'ava';
import { setImmediate as turn } from 'node:timers/promises';
import { Flusher, type Flushable } from '../../src/ws/fanout/flusher.js';

/** A flusher whose clock moves by `writeMs` with each write. */
function stage(writeMs: number) {
  let now = 0;
  const written: string[] = [];
  const flusher = new Flusher(
    () => undefined,
    () => now,
  );
  const socket = (name: string): Flushable => ({
    flush: () => {
      now += writeMs;
      written.push(name);
    },
  });
  const listeners = (count: number, name = 'listener'): string[] => {
    const names = Array.from({ length: count }, (_, i) => `${name} ${i}`);
    for (const one of names) flusher.add(socket(one), false);
    return names;
  };
  return { flusher, written, socket, listeners, pass: (ms: number) => (now += ms) };
}

test('a few sockets are written in the turn of their frame, in order', (t) => {
  const { flusher, written, listeners } = stage(0.1);
  const names = listeners(10);
  flusher.flush();
  t.deepEqual(written, names);
});

test('what nobody flushes is written at the end of the turn', async (t) => {
  const { written, listeners } = stage(0);
  const names = listeners(3);
  t.deepEqual(written, []);
  await Promise.resolve();
  await new Promise<void>((resolve) => process.nextTick(resolve));
  t.deepEqual(written, names);
});

test('the event loop turns between the slices of a long burst, which is written to its end in order', async (t) => {
  const { flusher, written, listeners } = stage(0.1);
  const names = listeners(100);
  flusher.flush();
  t.true(written.length > 0 && written.length < 50, `${written.length} in the first slice`);
  let slices = 1;
  for (let before = written.length; written.length < names.length; before = written.length) {
    await turn();
    t.true(written.length > before, 'each turn writes some');
    slices += 1;
  }
  t.true(slices > 2);
  t.deepEqual(written, names);
});

test('whoever waits for an answer is written at once, before the listeners of earlier frames', async (t) => {
  const { flusher, written, socket, listeners } = stage(0.1);
  const names = listeners(100);
  flusher.flush();
  const before = written.length;
  flusher.add(socket('sender'), true);
  flusher.flush();
  t.deepEqual(written.slice(before), ['sender']);
  while (written.length < names.length + 1) await turn();
  t.deepEqual(
    written.filter((name) => name !== 'sender'),
    names,
  );
});

test('listeners that have waited too long are written without another pause, and frames keep their order', (t) => {
  const { flusher, written, listeners, pass } = stage(0.1);
  const first = listeners(100, 'first');
  flusher.flush();
  listeners(100, 'second');
  flusher.flush();
  t.true(written.length < 100, 'a later frame does not make a slice longer');
  pass(50);
  flusher.flush();
  t.deepEqual(written.slice(0, 100), first);
});

test('slow writes cannot hold a frame back for ever: each turn writes some sockets', async (t) => {
  const { flusher, written, listeners } = stage(5);
  listeners(30);
  flusher.flush();
  t.true(written.length >= 8);
  while (written.length < 30) await turn();
  t.is(new Set(written).size, 30);
});

test('everything is written when the edge is about to close', async (t) => {
  const { flusher, written, socket, listeners } = stage(0.1);
  const names = listeners(100);
  flusher.flush();
  const late = listeners(5, 'late');
  flusher.add(socket('sender'), true);
  flusher.flushAll();
  t.deepEqual([...written].sort(), [...names, ...late, 'sender'].sort());
  await turn();
  t.is(written.length, 106, 'and nothing twice');
});
