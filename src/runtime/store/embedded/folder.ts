/** DATA_DIR, made where it is missing. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { EmbeddedUnavailable } from './binaries.js';

/**
 * Makes a folder and those above it.
 * @param path absolute
 * @throws EmbeddedUnavailable with a message for the operator
 */
export function makeFolder(path: string): void {
  try {
    make(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmbeddedUnavailable(`DATA_DIR cannot be used: ${reason}`, { cause: error });
  }
}

/** Not by `recursive`, which never returns where a file system refuses folders with ENOENT, as /proc does. */
function make(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) make(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it just now.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
