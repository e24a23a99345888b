/**
 * Which service a data folder belongs to. Postgres itself keeps two servers off the same data; this only tells a living owner
 * from a dead one, to say the right thing at once.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EmbeddedUnavailable } from './binaries.js';

/** A process that was just killed may be seen for a moment longer. */
const dyingMs = 3_000;

/**
 * @param folder the embedded database's part of DATA_DIR
 * @throws EmbeddedUnavailable when another living service, with a living server, has it
 */
export async function refuseSecondOwner(folder: string, dataDir: string): Promise<void> {
  const end = performance.now() + dyingMs;
  for (;;) {
    const owner = pidIn(ownerFile(folder));
    const server = pidIn(join(folder, 'cluster', 'postmaster.pid'));
    if (owner === null || owner === process.pid || server === null || !alive(owner) || !alive(server)) return;
    if (performance.now() >= end)
      throw new EmbeddedUnavailable(
        `DATA_DIR ${resolve(dataDir)} is in use by the service with process id ${owner}. Stop it, or use another DATA_DIR.`,
      );
    await wait(100);
  }
}

export function recordOwner(folder: string): void {
  writeFileSync(ownerFile(folder), `${process.pid}\n`);
}

export function forgetOwner(folder: string): void {
  if (pidIn(ownerFile(folder)) === process.pid) rmSync(ownerFile(folder), { force: true });
}

/** Without the kernel's help a killed service leaves its server running: the one that still holds its socket is told to end. */
export function endOrphan(data: string, socket: string): void {
  const server = pidIn(join(data, 'postmaster.pid'));
  if (server !== null && existsSync(socket) && alive(server)) process.kill(server, 'SIGINT');
}

function ownerFile(folder: string): string {
  return join(folder, 'service.pid');
}

/** The number in the first line of a file; null when there is none. The file may go while it is read. */
function pidIn(file: string): number | null {
  try {
    return Number(readFileSync(file, 'utf8').split('\n')[0]) || null;
  } catch {
    return null;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  try {
    // A zombie is dead, though nobody has collected it yet. The state follows the name, which is in parentheses.
    return !/\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
