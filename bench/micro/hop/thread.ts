/** The worker of `postMessage` per message: a command in, its reply out. */
import { parentPort } from 'node:worker_threads';
import type { SendCommand } from '../../../src/actors/protocol/commands.js';
import { echo, type Echo } from './echo.js';

/** Main thread → worker. `id` finds the caller again. */
export interface Asked {
  readonly id: number;
  readonly command: SendCommand;
}

export interface Answered extends Echo {
  readonly id: number;
}

if (parentPort === null) throw new Error('this is the script of a worker thread');
const port = parentPort;
port.on('message', ({ id, command }: Asked) => {
  port.postMessage({ id, ...echo(command, 0) } satisfies Answered);
});
