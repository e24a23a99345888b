import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { packageRoot } from '../../src/cli/root.js';
import { manifest } from './package.js';

/** A package of its own with our scripts; `files` are its other files. */
function packageWith(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'launch-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(packageRoot, 'scripts'), join(folder, 'scripts'), { recursive: true });
  for (const [path, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

interface Run {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lines: readonly string[];
}

type OnLine = (line: string, kill: (signal: NodeJS.Signals) => void) => void;

/** Runs the launcher; `onLine` may send signals. */
function launch(folder: string, args: readonly string[], env: Record<string, string> = {}, onLine?: OnLine) {
  return run(folder, [process.execPath, 'scripts/launch.mjs', ...args], env, onLine);
}

async function run(
  folder: string,
  [command = '', ...args]: readonly string[],
  env: Record<string, string>,
  onLine: OnLine = () => undefined,
): Promise<Run> {
  const inherited = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
  const child = spawn(command, args, { cwd: folder, env: { ...inherited, ...env } });
  const lines: string[] = [];
  const collect = (line: string): void => {
    lines.push(line);
    onLine(line, (signal) => child.kill(signal));
  };
  createInterface(child.stdout).on('line', collect);
  createInterface(child.stderr).on('line', collect);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, lines };
}

const drains = `
  let signals = 0;
  const timer = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => {
    signals += 1;
    setImmediate(() => { clearInterval(timer); console.log('signals', signals); process.exitCode = 7; });
  });
  console.log('ready', process.argv.slice(2).join(' '));
`;

test('without sources and compiler it runs the build, passes arguments, and the signal arrives once', async (t) => {
  const folder = packageWith(t, { 'build/src/main.js': drains });
  const ended = await launch(folder, ['src/main.js', 'a', 'b'], {}, (line, kill) => {
    if (line.startsWith('ready')) kill('SIGTERM');
  });
  t.deepEqual(ended, { code: 7, signal: null, lines: ['ready a b', 'signals 1'] });
});

test('SIGTERM sent to npm start reaches the service once, and npm waits for its end', async (t) => {
  const { start } = manifest.scripts;
  const folder = packageWith(t, {
    'package.json': JSON.stringify({ type: 'module', scripts: { start } }),
    'build/src/main.js': drains,
  });
  const { code, lines } = await run(
    folder,
    ['npm', 'start', '--silent'],
    { npm_config_loglevel: 'silent' },
    (line, kill) => {
      if (line.startsWith('ready')) kill('SIGTERM');
    },
  );
  t.is(code, 7);
  t.deepEqual(
    lines.filter((line) => /^(ready|signals)/.test(line)).map((line) => line.trim()),
    ['ready', 'signals 1'],
  );
});

test('without a build and a compiler it says so and fails', async (t) => {
  const { code, lines } = await launch(packageWith(t, {}), ['src/main.js']);
  t.is(code, 1);
  t.regex(lines.join('\n'), /not built/);
});

test('.env is read, and what the environment says already wins', async (t) => {
  const program = 'console.log(process.env.FIRST, process.env.SECOND);';
  const folder = packageWith(t, { 'build/src/main.js': program, '.env': 'FIRST=file\nSECOND=file\n' });
  const { lines } = await launch(folder, ['src/main.js'], { SECOND: 'environment' });
  t.deepEqual(lines, ['file environment']);
});

/** The fixture is compiled without Node's types, which are most of the work. */
const declared = 'declare const console: { log(text: string): void };\n';

test('it builds when there is no build, again when a source is newer, and not otherwise', async (t) => {
  // The compiler runs three times.
  t.timeout(600_000);
  const folder = packageWith(t, {
    'src/main.ts': `${declared}console.log('one');\n`,
    'src/old.ts': 'export const old = 1;\n',
    'src/tsconfig.json': JSON.stringify({ extends: '../tsconfig.json', include: ['.'] }),
    // Not of the service: a start does not compile it.
    'test/broken.ts': 'const number: number = "text";\n',
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        rootDir: '.',
        outDir: 'build',
        module: 'nodenext',
        target: 'es2023',
        types: [],
        incremental: true,
      },
      include: ['src', 'test'],
    }),
  });
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  const compiling = 'Compiling the service ...';
  t.deepEqual((await launch(folder, ['src/main.js'])).lines.toSorted(), [compiling, 'one']);

  // An edited build shows that nothing was built over it.
  writeFileSync(join(folder, 'build/src/main.js'), "console.log('kept');");
  t.deepEqual((await launch(folder, ['src/main.js'])).lines, ['kept']);

  // Later than any build of this test, however slow the machine is.
  const later = new Date(Date.now() + 86_400_000);
  rmSync(join(folder, 'src/old.ts'));
  writeFileSync(
    join(folder, 'src/main.ts'),
    `${declared}console.log('two');\nimport('./old.js' as string).catch(() => console.log('gone'));\n`,
  );
  utimesSync(join(folder, 'src/main.ts'), later, later);
  t.deepEqual((await launch(folder, ['src/main.js'])).lines.toSorted(), [compiling, 'gone', 'two']);

  writeFileSync(join(folder, 'src/main.ts'), 'const number: number = "text";\n');
  utimesSync(join(folder, 'src/main.ts'), later, later);
  const broken = await launch(folder, ['src/main.js']);
  t.is(broken.code, 1);
  t.regex(broken.lines.join('\n'), /TS2322/);
});
