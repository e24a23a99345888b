import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { environmentExample, renewTable } from '../../src/cli/config-docs.js';
import { packageRoot } from '../../src/cli/root.js';
import { rows } from '../../src/config.js';

const read = (name: string): string => readFileSync(join(packageRoot, name), 'utf8');

test('the configuration table of the README is what the settings say (npm run docs renews it)', (t) => {
  const readme = read('README.md');
  t.is(readme, renewTable(readme));
});

test('.env.example is what the settings say (npm run docs renews it)', (t) => {
  t.is(read('.env.example'), environmentExample());
});

test('the README and .env.example name every variable', (t) => {
  const [readme, example] = [read('README.md'), read('.env.example')];
  for (const { env } of Object.values(rows)) {
    t.true(readme.includes(`| \`${env}\` |`), env);
    t.regex(example, new RegExp(`^#${env}=`, 'm'));
  }
});

test('a README without the markers is refused, not overwritten', (t) => {
  t.throws(() => renewTable('# Nothing here'), { message: /markers/ });
});

test('nothing machine-dependent is in the documentation', (t) => {
  t.false(environmentExample().includes('WORKER_THREADS=1'));
});
