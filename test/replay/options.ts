/** The command line of the replay. */
import { parseArgs } from 'node:util';
import { developmentSecret } from '../harness/token.js';

export const usage = `Usage: npm run replay -- <log file or folder>... [options]
  --url URL       a running service; without it one is started on an embedded database
  --speed N|max   times faster than logged; max (the default) is flat out
  --room NAME     room to play into; a new one by default
  --secret TEXT   JWT_SECRET of the service; the development one by default
  --clients N     clients connected at once, 1..5000 (default 500)
  --window N      log lines under way at once, 1..10000 (default 64)`;

export interface Options {
  readonly paths: readonly string[];
  readonly url: string | null;
  readonly speed: number | null;
  readonly room: string | null;
  readonly secret: string;
  readonly clients: number;
  readonly window: number;
}

/** A wrong command line; the message is for the terminal. */
export class UsageError extends Error {}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max)
    throw new UsageError(`--${name} must be a whole number from 1 to ${max}`);
  return value;
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        speed: { type: 'string', default: 'max' },
        room: { type: 'string' },
        secret: { type: 'string', default: developmentSecret },
        clients: { type: 'string', default: '500' },
        window: { type: 'string', default: '64' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (positionals.length === 0) throw new UsageError('name a log file or folder');
  const url = values.url ?? null;
  if (url !== null && !/^https?:\/\//.test(url)) throw new UsageError('--url must start with http:// or https://');
  const speed = values.speed === 'max' ? null : Number(values.speed);
  if (speed !== null && !(speed > 0 && speed < Infinity))
    throw new UsageError('--speed must be a number above 0, or max');
  return {
    paths: positionals,
    url: url === null ? null : url.replace(/\/+$/, ''),
    speed,
    room: values.room ?? null,
    secret: values.secret,
    clients: whole('clients', values.clients, 5000),
    window: whole('window', values.window, 10_000),
  };
}
