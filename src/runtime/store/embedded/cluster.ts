/** The data of an embedded server: made by initdb at the first start, never half made. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedUnavailable, type Binaries } from './binaries.js';
import type { ServerUser } from './user.js';

/** The superuser of an embedded server. Whoever can reach its socket may be it: the socket's folder is the server's alone. */
export const superuser = 'postgres';

const nurseryPrefix = 'nursery-';

export interface Cluster {
  /** The data directory of Postgres. */
  readonly data: string;
}

/**
 * @param folder the embedded database's part of DATA_DIR
 * @param sync whether to flush what initdb writes
 */
export async function openCluster(
  folder: string,
  binaries: Binaries,
  user: ServerUser,
  sync: boolean,
): Promise<Cluster> {
  const data = join(folder, 'cluster');
  if (existsSync(join(data, 'PG_VERSION'))) {
    const kept = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
    const major = await majorVersion(binaries, user);
    if (kept !== major)
      throw new EmbeddedUnavailable(
        `${data} holds data of PostgreSQL ${kept}, but the embedded server is ${major}. Migrate it (pg_upgrade, or dump and restore), or use another DATA_DIR.`,
      );
    for (const left of readdirSync(folder))
      if (left.startsWith(nurseryPrefix)) rmSync(join(folder, left), { recursive: true, force: true });
    return { data };
  }
  // initdb works in a folder of its own that is renamed once it is whole: an interrupted first start leaves nothing to trip
  // over, and of two first starts at once one wins. What is left behind goes at the next start.
  const nursery = mkdtempSync(join(folder, nurseryPrefix));
  user.own(nursery);
  const unfinished = join(nursery, 'cluster');
  const args = [
    '-D',
    unfinished,
    '-U',
    superuser,
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ];
  const { status, output } = await run(binaries.initdb, sync ? args : [...args, '--no-sync'], user);
  if (status !== 0)
    throw new EmbeddedUnavailable(`initdb failed (${status ?? 'killed'}): ${output.trim().slice(-500)}`);
  try {
    renameSync(unfinished, data);
  } catch (error) {
    if (!existsSync(join(data, 'PG_VERSION'))) throw error;
  }
  rmSync(nursery, { recursive: true, force: true });
  return { data };
}

async function majorVersion(binaries: Binaries, user: ServerUser): Promise<string> {
  const { output } = await run(binaries.postgres, ['--version'], user);
  return /(\d+)/.exec(output)?.[1] ?? 'unknown';
}

function run(
  program: string,
  args: readonly string[],
  user: ServerUser,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const [command, ...rest] = user.command(program, args);
    const child = spawn(command, rest, {
      cwd: '/',
      env: user.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user.identity,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
