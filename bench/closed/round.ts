/** One measurement: one server, alone on a fresh database, under one closed loop. */
import { runLoad } from '../child.js';
import { contentLength, type Shape } from './shapes.js';
import { cpuOf } from '../cpu.js';
import type { Database } from '../environment.js';
import type { LoadPlan, OutcomeOf, Validation } from '../load/plan.js';
import type { Postgres } from '../postgres.js';
import type { Cpu, Measured } from '../results.js';
import { prepareSchema } from '../schema.js';
import { needsSchema, startSubject, type Started, type SubjectName } from '../subjects.js';

export interface Timing {
  readonly warmupMs: number;
  readonly windowMs: number;
}

export interface ServiceOptions {
  /** Settings of the service beyond those of every case. */
  readonly settings: Readonly<Record<string, string>>;
  /** Node flags of the service. */
  readonly flags: readonly string[];
  /** Called once it serves, before the load. */
  readonly ready?: (database: Database) => Promise<void>;
}

/** Measures one server under a closed loop. */
export function measure(
  name: SubjectName,
  shape: Shape,
  timing: Timing,
  postgres: Postgres,
  service: ServiceOptions,
  outputFile: string,
): Promise<Measured> {
  const { rooms, members, senders, inFlight } = shape;
  const { warmupMs, windowMs } = timing;
  const load = { kind: 'closed-loop', rooms, members, senders, inFlight, contentLength, warmupMs, windowMs } as const;
  return measureLoad(name, ({ port, secret }) => ({ ...load, port, secret }), postgres, service, outputFile);
}

/**
 * Measures one server, alone on a fresh database.
 * @param plan the load, once the server is known
 * @param onWindow as that of `runLoad`
 */
export async function measureLoad<Plan extends LoadPlan>(
  name: SubjectName,
  plan: (server: Started) => Plan,
  postgres: Postgres,
  service: ServiceOptions,
  outputFile: string,
  onWindow: (edge: 'start' | 'end', server: Started) => void | Promise<void> = () => undefined,
): Promise<OutcomeOf<Plan> & Cpu> {
  const database = await postgres.fresh();
  try {
    if (needsSchema(name)) await prepareSchema(database);
    const server = await startSubject(name, database, outputFile, service.settings, service.flags);
    await service.ready?.(database);
    const clocks = () => ({ at: performance.now(), server: cpuOf(server.pid), database: postgres.cpu() });
    let before = clocks();
    let after = before;
    const result = await runLoad(plan(server), (edge) => {
      if (edge === 'start') before = clocks();
      else after = clocks();
      return onWindow(edge, server);
    });
    await server.stop();
    const perSecond = (from: number | null, to: number | null) =>
      from === null || to === null ? null : (to - from) / ((after.at - before.at) / 1000);
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
