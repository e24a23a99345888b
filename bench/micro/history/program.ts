/** One way to read, in a process of its own: some readers, each with one request under way. */
import { createHistogram } from 'node:perf_hooks';
import type { Measurement } from '../../child.js';
import { cpuOf } from '../../cpu.js';
import { program } from '../../program.js';
import type { Timing } from '../grid.js';
import { openReaders, type Reader, type ReaderName, type Source } from './readers.js';

export interface HistoryPlan extends Timing {
  readonly reader: ReaderName;
  readonly readers: number;
  readonly source: Source;
  /** Process of the service; 0 when it is not asked. */
  readonly serverPid: number;
}

/**
 * Answers in the window, and ms from request to answer; all requests of the run, the warm-up included; CPU seconds per
 * second of the window of the service (0 where that cannot be seen) and of this process.
 */
export type HistoryFigure = 'windowMs' | 'answers' | 'p50' | 'p99' | 'requests' | 'serverCpu' | 'clientCpu';

/** Each so many'th answer is parsed and compared in full. */
const checkEach = 16;
/** Rooms that are read only once are not used up by the warm-up. */
const warmupRooms = 1 / 3;

async function history(plan: HistoryPlan): Promise<Measurement<HistoryFigure>> {
  const { source, serverPid } = plan;
  const readers = await openReaders(plan.reader, plan.readers, source);
  /** Microseconds. */
  const latency = createHistogram();
  let measuring = false;
  const faults: string[] = [];
  let requests = 0;
  const readUntil = async (reader: Reader, until: number, most: number): Promise<void> => {
    while (performance.now() < until && requests < most) {
      const started = performance.now();
      requests += 1;
      const check = await reader.read();
      if (check === null) {
        requests -= 1;
        return;
      }
      if (measuring) latency.record(Math.max(1, Math.round((performance.now() - started) * 1000)));
      const fault = requests % checkEach === 0 ? check() : null;
      if (fault !== null && faults.length < 3) faults.push(fault);
      await reader.after?.();
    }
  };
  const readFor = async (ms: number, most: number): Promise<void> => {
    const until = performance.now() + ms;
    await Promise.all(readers.map((reader) => readUntil(reader, until, most)));
  };
  await readFor(plan.warmupMs, Math.floor(source.coldRooms * warmupRooms));
  measuring = true;
  const serverBefore = cpuOf(serverPid) ?? 0;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await readFor(plan.windowMs, Infinity);
  const windowMs = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  const serverSeconds = (cpuOf(serverPid) ?? 0) - serverBefore;
  for (const reader of readers) await reader.close();
  if (latency.count === 0) faults.push('no answer');
  return {
    figures: {
      windowMs,
      answers: latency.count,
      p50: latency.percentile(50) / 1000,
      p99: latency.percentile(99) / 1000,
      requests,
      serverCpu: (serverSeconds * 1000) / windowMs,
      clientCpu: (cpu.user + cpu.system) / 1000 / windowMs,
    },
    faults,
  };
}

program(history);
