import test from 'ava';
import { pino } from 'pino';
import type { Service } from '../../src/runtime/lifecycle.js';
import { ServiceStack } from '../../src/runtime/service-stack.js';

const log = pino({ level: 'silent' });

function services(failing: { start?: string; stop?: string } = {}): { calls: string[]; all: Service[] } {
  const calls: string[] = [];
  const all = ['a', 'b', 'c'].map((name) => ({
    name,
    start: (): Promise<void> => {
      calls.push(`+${name}`);
      return failing.start === name ? Promise.reject(new Error(name)) : Promise.resolve();
    },
    stop: (): Promise<void> => {
      calls.push(`-${name}`);
      return failing.stop === name ? Promise.reject(new Error(name)) : Promise.resolve();
    },
  }));
  return { calls, all };
}

test('services start in order and stop in reverse, once', async (t) => {
  const { calls, all } = services();
  const stack = new ServiceStack(all, log);
  await stack.stop();
  await stack.start();
  await stack.stop();
  await stack.stop();
  t.deepEqual(calls, ['+a', '+b', '+c', '-c', '-b', '-a']);
});

test('a failing start rolls back what had started, and what had started in part', async (t) => {
  const { calls, all } = services({ start: 'c' });
  await t.throwsAsync(new ServiceStack(all, log).start(), { message: 'c' });
  t.deepEqual(calls, ['+a', '+b', '+c', '-c', '-b', '-a']);
});

test('a failing stop does not keep the others running', async (t) => {
  const { calls, all } = services({ stop: 'b' });
  const stack = new ServiceStack(all, log);
  await stack.start();
  await stack.stop();
  t.deepEqual(calls.slice(3), ['-c', '-b', '-a']);
});
