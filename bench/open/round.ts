/** One measurement: one server, alone on a fresh database, under rising rates of an open loop. */
import type { Context } from '../case.js';
import { runLoad } from '../child.js';
import { contentLength } from '../closed/shapes.js';
import { cpuOf } from '../cpu.js';
import type { OpenStep, Rooms, Validation } from '../load/plan.js';
import { prepareSchema } from '../schema.js';
import { needsSchema, startSubject, type SubjectName } from '../subjects.js';

/** CPU in seconds per second of the window; null where it cannot be seen. */
export interface MeasuredStep extends OpenStep {
  readonly serverCpu: number | null;
  readonly databaseCpu: number | null;
}

export interface MeasuredSteps {
  /** Rising; the last two are those of the rate that saturated the server, unless it carried all. */
  readonly steps: readonly MeasuredStep[];
  /** Over all steps. */
  readonly validation: Validation;
}

export interface LatencyRound {
  /** In the order in which they ran. */
  readonly order: readonly SubjectName[];
  readonly subjects: Readonly<Partial<Record<SubjectName, MeasuredSteps>>>;
}

/** The load, without its server. */
export interface Steps extends Pick<Rooms, 'rooms' | 'members' | 'senders'> {
  readonly rates: readonly number[];
  readonly warmupMs: number;
  readonly windowMs: number;
}

interface Clocks {
  readonly server: number | null;
  readonly database: number | null;
}

export async function measureSteps(name: SubjectName, load: Steps, context: Context): Promise<MeasuredSteps> {
  const { postgres, options, outputFile } = context;
  const database = await postgres.fresh();
  try {
    if (needsSchema(name)) await prepareSchema(database);
    const server = await startSubject(name, database, outputFile(name), options.settings);
    const starts: Clocks[] = [];
    const ends: Clocks[] = [];
    const { steps, validation } = await runLoad(
      { kind: 'open-loop', port: server.port, secret: server.secret, contentLength, ...load },
      (edge) => {
        (edge === 'start' ? starts : ends).push({ server: cpuOf(server.pid), database: postgres.cpu() });
      },
    );
    await server.stop();
    return {
      steps: steps.map((step, i) => {
        const used = (of: keyof Clocks) => {
          const from = starts[i]?.[of] ?? null;
          const to = ends[i]?.[of] ?? null;
          return from === null || to === null ? null : (to - from) / (step.windowMs / 1000);
        };
        return { ...step, serverCpu: used('server'), databaseCpu: used('database') };
      }),
      validation,
    };
  } finally {
    await postgres.drop(database);
  }
}
