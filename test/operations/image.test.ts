import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/cli/root.js';
import { readConfig, rows } from '../../src/config.js';
import { manifest, readText } from './package.js';

/** Instructions with their arguments, continuation lines joined. */
const instructions = readText('Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((line) => ({ verb: line.split(' ')[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));

const all = (verb: string): string[] => instructions.filter((one) => one.verb === verb).map((one) => one.rest);
const last = (verb: string): string => all(verb).at(-1) ?? '';
/** The exec form of an instruction. */
const argv = (text: string): string[] => JSON.parse(text.slice(text.indexOf('['))) as string[];

test('both stages use the same Debian image of an LTS that the package allows', (t) => {
  const images = all('FROM').map((from) => from.split(' ')[0] ?? '');
  t.is(new Set(images).size, 1);
  const [, major = '', minor] = /^node:(\d+)-(\w+)-slim$/.exec(images[0] ?? '') ?? [];
  t.truthy(minor);
  t.is(Number(major) % 2, 0, 'only even versions become LTS');
  t.true(Number(major) >= 20);
});

test('everything that is copied exists and gets past .dockerignore', (t) => {
  const kept = readText('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = all('COPY').filter((rest) => !rest.startsWith('--from='));
  t.true(copied.length > 0);
  for (const source of copied.flatMap((rest) => rest.split(/\s+/).slice(0, -1))) {
    t.true(existsSync(join(packageRoot, source)), source);
    t.true(kept.includes(source), `${source} is not in .dockerignore's list`);
  }
});

test('the npm scripts that the image runs exist', (t) => {
  const scripts = all('RUN').flatMap((run) => [...run.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? ''));
  t.true(scripts.includes('build'));
  for (const script of scripts) t.true(script in manifest.scripts, script);
});

test('the image runs the service itself, not as root and without a shell that would swallow signals', (t) => {
  const command = argv(last('CMD'));
  t.is(command[0], 'node');
  const program = command.at(-1) ?? '';
  t.true(existsSync(join(packageRoot, program.replace(/^build\//, '').replace(/\.js$/, '.ts'))), program);
  const user = instructions.findIndex((one) => one.verb === 'USER');
  t.is(instructions[user]?.rest, 'node');
  t.true(user > instructions.findLastIndex((one) => one.verb === 'RUN'));
  t.is(last('EXPOSE'), String(rows.port.byDefault));
});

test('the image’s environment is known to the service, and its data folder is a volume of its user', (t) => {
  const env = Object.fromEntries(
    last('ENV')
      .split(' ')
      .map((pair) => pair.split('=', 2) as [string, string]),
  );
  const known = Object.values(rows).map((row) => row.env);
  for (const name of Object.keys(env)) t.true(known.includes(name), name);
  t.is(env['NODE_ENV'], 'production');
  t.is(env['DATA_DIR'], last('VOLUME'));
  t.true(all('RUN').some((run) => run.includes(`chown node:node ${env['DATA_DIR'] ?? '?'}`)));
});

/** Exit code of the image's health check against a port. */
async function health(port: number): Promise<unknown> {
  const [, ...args] = argv(last('HEALTHCHECK'));
  const child = spawn(process.execPath, args, { env: { PORT: String(port) }, stdio: 'ignore' });
  return (await once(child, 'exit'))[0];
}

test('the health check tells up from down and from gone', async (t) => {
  let status = 200;
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(status).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.is(await health(port), 0);
  status = 503;
  t.is(await health(port), 1);
  server.close();
  await once(server, 'close');
  t.is(await health(port), 1);
  t.deepEqual(paths, ['/health', '/health']);
});

test('without DB_HOST the image serves from its own database, so the optional packages stay in it', (t) => {
  const prune = all('RUN').find((run) => run.includes('npm prune')) ?? '';
  t.true(prune.includes('--omit=dev'));
  t.false(prune.includes('optional'));
  t.is(readConfig({}).dbHost, null);
});

test('the licence that package.json names lies beside it', (t) => {
  t.regex(readFileSync(join(packageRoot, 'LICENSE'), 'utf8'), new RegExp(`^${manifest.license} License`));
});
