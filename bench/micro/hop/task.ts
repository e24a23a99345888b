/** The task of `pool.run` per message. */
import type { SendCommand } from '../../../src/actors/protocol/commands.js';
import { echo, type Echo } from './echo.js';

export default function task(command: SendCommand): Echo {
  return echo(command, 0);
}
