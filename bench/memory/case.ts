/** The memory case: touch very many rooms, count what they cost while they stay, and see whether it comes back. */
import { contentLength } from '../cases.js';
import { runLoad } from '../child.js';
import { memoryOf } from '../cpu.js';
import type { LoadResult } from '../load/plan.js';
import type { Postgres } from '../postgres.js';
import type { MemoryRound } from '../results.js';
import type { ServiceOptions } from '../round.js';
import { startSubject, type Started } from '../subjects.js';
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
/** A collection has no answer to wait for: memory is read when two readings this far apart (ms) agree within 1 %. */
const settleStep = 500;
const settleSteps = 20;
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
  const touch = (prefix: string, rooms: number, passes: number): Promise<LoadResult> =>
    runLoad({
      kind: 'touch',
      port: server.port,
      secret: server.secret,
      prefix,
      rooms,
      sockets,
      inFlight,
      contentLength,
      passes,
    });
  const moment = async () => {
    const rss = memoryOf(server.pid).now;
    const rssCollected = await collect(server);
    return { rss, rssCollected, ...(await scrape(server.port)) };
  };

  const warm = await touch('warm', warmup.rooms, warmup.passes);
  const start = await moment();
  const first = await touch('bench', plan.rooms, 1);
  const once = await moment();
  const second = await touch('bench', plan.rooms, 1);
  const twice = await moment();
  const deadline = performance.now() + plan.idleTtlMs + evictionSlack;
  let rooms = twice.residentRooms;
  while (rooms > 0 && performance.now() < deadline) {
    await pause(250);
    rooms = (await scrape(server.port)).residentRooms;
  }
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

/** Makes every thread collect, and resolves with the resident memory once it has settled. */
async function collect(server: Started): Promise<number> {
  process.kill(server.pid, 'SIGUSR2');
  let before = memoryOf(server.pid).now;
  for (let step = 0; step < settleSteps; step += 1) {
    await pause(settleStep);
    const { now } = memoryOf(server.pid);
    if (Math.abs(now - before) < now / 100) return now;
    before = now;
  }
  return before;
}
