/** One way to serve a room, in a process of its own; the sockets' readers are in another, which it starts and keeps in step. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Measurement } from '../../child.js';
import { bareEnvironment } from '../../environment.js';
import { program } from '../../program.js';
import type { Timing } from '../grid.js';
import type { Progress, ToReader } from './reader.js';
import { openRoom, type RoomName } from './rooms.js';

export interface FanOutPlan extends Timing {
  readonly room: RoomName;
  readonly sockets: number;
  /** Events per burst. */
  readonly burst: number;
}

/** Events read in the window, over all sockets; CPU seconds per second of the server and of the readers. */
export type FanOutFigure = 'windowMs' | 'delivered' | 'serverCpu' | 'readerCpu';

/** Events that may be under way, over all sockets, but never less than two bursts. */
const underWay = 32_000;
/** The readers say how far they are this many times while so many come. */
const reports = 8;
const silenceMs = 5_000;

async function fanOut({
  room: name,
  sockets,
  burst,
  warmupMs,
  windowMs,
}: FanOutPlan): Promise<Measurement<FanOutFigure>> {
  const room = openRoom(name);
  room.http.listen(0, '127.0.0.1');
  await once(room.http, 'listening');
  const address = room.http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  const limit = Math.max(underWay, 2 * burst * sockets);
  const readers = new Readers();
  await readers.open({ type: 'open', port: address.port, path: room.path, sockets, step: Math.ceil(limit / reports) });

  let events = 0;
  const giveFor = async (ms: number): Promise<void> => {
    for (const until = performance.now() + ms; performance.now() < until;) {
      while (events * sockets - readers.received >= limit) await readers.next();
      room.give(events, burst);
      events += burst;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await giveFor(warmupMs);
  const before = readers.progress;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await giveFor(windowMs);
  const measuredMs = performance.now() - started;
  const after = readers.progress;
  const cpu = process.cpuUsage(cpuBefore);

  const last = await readers.settled(events * sockets);
  room.close();
  readers.close();
  const { received, disorder, wrong, closed } = last;
  const faults = Object.entries({ missing: events * sockets - received, disorder, wrong, closed })
    .filter(([, count]) => count !== 0)
    .map(([fault, count]) => `${count} ${fault}`);
  return {
    figures: {
      windowMs: measuredMs,
      delivered: after.received - before.received,
      serverCpu: (cpu.user + cpu.system) / 1000 / measuredMs,
      readerCpu: ((after.cpu - before.cpu) * 1000) / measuredMs,
    },
    faults,
  };
}

/** The readers' process as its parent sees it. */
class Readers {
  readonly #child = fork(`${import.meta.dirname}/reader.js`, {
    env: bareEnvironment(),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  #progress: Progress = { type: 'progress', received: 0, cpu: 0, disorder: 0, wrong: 0, closed: 0 };
  #closing = false;

  constructor() {
    this.#child.on('message', (progress: Progress) => (this.#progress = progress));
    this.#child.once('close', (code) => {
      if (this.#closing) return;
      console.error(`the readers ended early (${code})`);
      process.exit(1);
    });
  }

  get progress(): Progress {
    return this.#progress;
  }

  get received(): number {
    return this.#progress.received;
  }

  /** Resolves once all sockets are connected. */
  async open(message: ToReader): Promise<void> {
    this.#child.send(message);
    while (this.#progress.type !== 'ready') await this.next();
  }

  /** Resolves at the next word of them. */
  async next(): Promise<void> {
    await once(this.#child, 'message');
  }

  /** The last word: when everything was read, or when nothing moves any more. */
  async settled(wanted: number): Promise<Progress> {
    for (let seen = -1, since = performance.now(); ;) {
      this.#child.send({ type: 'ask' } satisfies ToReader);
      do await this.next();
      while (this.#progress.type !== 'answer');
      const { received } = this.#progress;
      if (received >= wanted || performance.now() - since > silenceMs) return this.#progress;
      if (received !== seen) since = performance.now();
      seen = received;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    this.#closing = true;
    this.#child.disconnect();
  }
}

program(fanOut);
