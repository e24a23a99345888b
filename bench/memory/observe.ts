/** Touches very many rooms, counts what they cost while they stay, and sees whether it comes back. */
import { runLoad } from '../child.js';
import type { ServiceOptions } from '../closed/round.js';
import { contentLength } from '../closed/shapes.js';
import { memoryOf } from '../cpu.js';
import type { LoadResult } from '../load/plan.js';
import type { Postgres } from '../postgres.js';
import { startSubject, type Started } from '../subjects.js';
import type { MemoryRound } from './round.js';
import { scrape } from './scrape.js';

export interface MemoryPlan {
  readonly rooms: number;
  /** ROOM_IDLE_TTL_MS: long enough to touch all rooms twice, or the first ones would be gone before the last ones come. */
  readonly idleTtlMs: number;
}

const sockets = 16;
const inFlight = 64;
/** Rooms and messages of the warm-up: code is compiled and buffers have their size before anything is counted. */
const warmup = { rooms: 64, passes: 200 };
/**
 * A collection has no answer to wait for, and one alone does not give everything back (code that is not used any more goes
 * in later ones): collect every so often (ms) until resident memory has fallen by less than 1 % twice in a row.
 */
const collectEvery = 500;
const collectAtMost = 40;
/** The last rooms may go this long (ms) after their time. */
const evictionSlack = 60_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One round on a fresh process and database. */
export async function runMemoryRound(
  plan: MemoryPlan,
  postgres: Postgres,
  service: ServiceOptions,
  outputFile: string,
): Promise<MemoryRound> {
  const database = await postgres.fresh();
  try {
    const settings = {
      ROOM_IDLE_TTL_MS: String(plan.idleTtlMs),
      MAX_RESIDENT_ROOMS: String(plan.rooms * 2 + 1000),
      // The collections that this case forces are no work of the service: they must not be taken for a stuck worker.
      WORKER_STUCK_MS: '60000',
      ...service.settings,
    };
    const flags = [...service.flags, '--import', import.meta.resolve('./collect.js')];
    const server = await startSubject('service', database, outputFile, settings, flags);
    const round = await observe(plan, server);
    await server.stop();
    return round;
  } finally {
    await postgres.drop(database);
  }
}

async function observe(plan: MemoryPlan, server: Started): Promise<MemoryRound> {
  const { port, secret } = server;
  const touch = (prefix: string, users: string, rooms: number, passes: number): Promise<LoadResult> =>
    runLoad({ kind: 'touch', port, secret, prefix, users, rooms, sockets, inFlight, contentLength, passes });
  const moment = async () => {
    const rss = memoryOf(server.pid).now;
    const rssCollected = await collect(server);
    return { rss, rssCollected, ...(await scrape(port)) };
  };
  const rest = async () => {
    const deadline = performance.now() + plan.idleTtlMs + evictionSlack;
    while ((await scrape(port)).residentRooms > 0 && performance.now() < deadline) await pause(250);
  };

  const warm = await touch('warm', 'warm-user', warmup.rooms, warmup.passes);
  // The same rest as at the end: an engine left alone gives back memory by itself, and like is compared with like.
  await rest();
  const start = await moment();
  const first = await touch('bench', 'first-user', plan.rooms, 1);
  const once = await moment();
  const second = await touch('bench', 'second-user', plan.rooms, 1);
  const twice = await moment();
  await rest();
  const { peak } = memoryOf(server.pid);
  const end = await moment();
  return {
    rooms: plan.rooms,
    rssStart: start.rss,
    rssFull: twice.rss,
    rssPeak: peak,
    rssEvicted: end.rss,
    rssStartCollected: start.rssCollected,
    rssFullCollected: twice.rssCollected,
    rssEvictedCollected: end.rssCollected,
    resident: [start.residentRooms, once.residentRooms, twice.residentRooms],
    workerHeap: [start.workerHeap, once.workerHeap, twice.workerHeap],
    residentEvicted: end.residentRooms,
    touchesPerSecond: (second.acked / second.windowMs) * 1000,
    failures: [warm, first, second].reduce((sum, { validation }) => sum + validation.missing + validation.broken, 0),
  };
}

/**
 * Makes every thread collect, and resolves with the resident memory once it falls no further.
 * @param turns how many collections in a row have to find nothing more
 */
export async function collect(server: Pick<Started, 'pid'>, turns = 2): Promise<number> {
  let lowest = memoryOf(server.pid).now;
  let still = 0;
  for (let turn = 0; turn < collectAtMost && still < turns; turn += 1) {
    process.kill(server.pid, 'SIGUSR2');
    await pause(collectEvery);
    const { now } = memoryOf(server.pid);
    still = now > lowest * 0.99 ? still + 1 : 0;
    lowest = Math.min(lowest, now);
  }
  return lowest;
}
