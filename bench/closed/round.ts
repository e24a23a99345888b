/** One measurement: one server, alone on a fresh database, under one closed loop. */
import { runLoad } from '../child.js';
import { contentLength, type Shape } from './shapes.js';
import { cpuOf } from '../cpu.js';
import type { Validation } from '../load/plan.js';
import type { Postgres } from '../postgres.js';
import type { Measured } from '../results.js';
import { prepareSchema } from '../schema.js';
import { needsSchema, startSubject, type SubjectName } from '../subjects.js';

export interface Timing {
  readonly warmupMs: number;
  readonly windowMs: number;
}

export interface ServiceOptions {
  /** Settings of the service beyond those of every case. */
  readonly settings: Readonly<Record<string, string>>;
  /** Node flags of the service. */
  readonly flags: readonly string[];
}

/** Measures one server. @param label names its output file */
export async function measure(
  name: SubjectName,
  shape: Shape,
  timing: Timing,
  postgres: Postgres,
  service: ServiceOptions,
  outputFile: string,
): Promise<Measured> {
  const database = await postgres.fresh();
  try {
    if (needsSchema(name)) await prepareSchema(database);
    const server = await startSubject(name, database, outputFile, service.settings, service.flags);
    const clocks = () => ({ server: cpuOf(server.pid), database: postgres.cpu() });
    let before = clocks();
    let after = before;
    const result = await runLoad(
      {
        kind: 'closed-loop',
        port: server.port,
        secret: server.secret,
        rooms: shape.rooms,
        members: shape.members,
        senders: shape.senders,
        inFlight: shape.inFlight,
        contentLength,
        warmupMs: timing.warmupMs,
        windowMs: timing.windowMs,
      },
      (edge) => {
        if (edge === 'start') before = clocks();
        else after = clocks();
      },
    );
    await server.stop();
    const perSecond = (from: number | null, to: number | null) =>
      from === null || to === null ? null : (to - from) / (result.windowMs / 1000);
    return {
      ...result,
      serverCpu: perSecond(before.server, after.server),
      databaseCpu: perSecond(before.database, after.database),
    };
  } finally {
    await postgres.drop(database);
  }
}

/** What a server got wrong; null when nothing. A refusal is no fault, it was said: it is reported beside. */
export function faultsOf(validation: Validation): string | null {
  const { missing, extra, disorder, wrong, unanswered, broken } = validation;
  const found = Object.entries({ missing, extra, disorder, wrong, unanswered, broken }).filter(
    ([, count]) => count !== 0,
  );
  return found.length === 0 ? null : found.map(([fault, count]) => `${count} ${fault}`).join(', ');
}
