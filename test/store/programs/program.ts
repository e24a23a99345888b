/** Starts one of the programs beside this file and listens to what it says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Program {
  readonly child: ChildProcess;
  /** The next line that starts so, or null when the program ended without one. */
  line(start: string): Promise<string | null>;
  readonly exited: Promise<unknown>;
}

export function startProgram(name: string, env: Record<string, string>): Program {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.js`)], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async (start) => {
      for (;;) {
        const next = await lines.next();
        if (next.done === true) return null;
        if (next.value.startsWith(start)) return next.value;
      }
    },
    exited: once(child, 'exit'),
  };
}
