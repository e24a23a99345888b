/** The command line of the bench. */
import { parseArgs } from 'node:util';
import { cases } from './cases.js';
import { subjectNames } from './subjects.js';

export interface Options {
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmupMs: number;
  readonly rooms: number;
  readonly sockets: number;
  /** Enough for what they take to be told from what a process has free. */
  readonly idleSockets: number;
  readonly idleTtlMs: number;
  readonly only: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  /** Profiles the service instead of comparing it. */
  readonly profile: boolean;
  /** Prints only; neither results nor READMEs are written. */
  readonly dry: boolean;
  /** One second of everything, for CI. Dry. */
  readonly smoke: boolean;
  /** Runs nothing; writes the tables and plots of the recorded results again. */
  readonly report: boolean;
}

export const caseNames: readonly string[] = cases.map(({ name }) => name);

export const usage = `npm run bench -- [case …] [options]

Cases (all of them unless named): ${caseNames.join(', ')}
  smoke                 every case for about a second, on few rooms and sizes; exit code 1 when a message was lost, doubled or out of order
  report                write the tables and plots of the recorded results again

Options
  --rounds N            rounds per case, the order of the servers reversed each time (5; long cases take fewer)
  --window SECONDS      measured time per server and round (5), in the latency case per rate; the sizes of append, hop, fan-out
                        and history share it
  --warmup SECONDS      before it (2)
  --rooms N             rooms of the memory case, and the most of the rooms case (100000)
  --sockets N           sockets of the reconnect case (2000) and of the idle-sockets case (5000)
  --idle-ttl SECONDS    ROOM_IDLE_TTL_MS of the memory case (45)
  --only NAME           only this server: ${subjectNames.join(', ')}; may be repeated
  --env NAME=VALUE      a setting of the service beyond the bench's own; may be repeated
  --profile             run only the service, under V8's CPU profiler, and print where each thread's time went
  --dry                 print the figures, but write neither results nor READMEs
  --help

The database: BENCH_DB_HOST (a host or the folder of a unix socket), BENCH_DB_PORT, BENCH_DB_USER, BENCH_DB_PASSWORD of a role
that may create databases; without BENCH_DB_HOST an embedded Postgres is started for the run, with fsync on.
The layered yardstick and the cluster case: BENCH_REDIS_HOST and BENCH_REDIS_PORT (127.0.0.1, 6379), BENCH_RABBITMQ_URL (amqp://guest:guest@127.0.0.1:5672);
where they cannot be reached it is left out, as are parts of the cluster case, and their goals are not measured.`;

/** @throws Error with a line for the user */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      window: { type: 'string' },
      warmup: { type: 'string' },
      rooms: { type: 'string' },
      sockets: { type: 'string' },
      'idle-ttl': { type: 'string' },
      only: { type: 'string', multiple: true },
      env: { type: 'string', multiple: true },
      profile: { type: 'boolean' },
      dry: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return 'help';
  const smoke = positionals.includes('smoke');
  const report = positionals.includes('report');
  const named = positionals.filter((name) => name !== 'smoke' && name !== 'report');
  const unknown = named.find((name) => !caseNames.includes(name));
  if (unknown !== undefined) throw new Error(`unknown case ${unknown}: ${caseNames.join(', ')}, smoke or report`);
  const only = values.only ?? [];
  const known: readonly string[] = subjectNames;
  const stranger = only.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`--only ${stranger}: ${known.join(', ')}`);
  const profile = values.profile === true;
  const seconds = (name: string, text: string | undefined, byDefault: number) => positive(name, text, byDefault) * 1000;
  return {
    cases: named.length > 0 ? named : caseNames,
    rounds: Math.ceil(positive('--rounds', values.rounds, smoke || profile ? 1 : 5)),
    windowMs: seconds('--window', values.window, smoke ? 1 : 5),
    warmupMs: seconds('--warmup', values.warmup, smoke ? 0.5 : 2),
    rooms: Math.ceil(positive('--rooms', values.rooms, smoke ? 500 : 100_000)),
    sockets: Math.ceil(positive('--sockets', values.sockets, smoke ? 100 : 2_000)),
    idleSockets: Math.ceil(positive('--sockets', values.sockets, smoke ? 100 : 5_000)),
    idleTtlMs: seconds('--idle-ttl', values['idle-ttl'], smoke ? 3 : 45),
    only,
    settings: Object.fromEntries((values.env ?? []).map(setting)),
    profile,
    dry: smoke || profile || values.dry === true,
    smoke,
    report,
  };
}

function positive(name: string, text: string | undefined, byDefault: number): number {
  const value = text === undefined ? byDefault : Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} ${text}: a number above 0 is needed`);
  return value;
}

function setting(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new Error(`--env ${text}: NAME=VALUE is needed`);
  return [text.slice(0, at), text.slice(at + 1)];
}
