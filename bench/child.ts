/** Processes that the bench starts: servers, with their output in a file, the load client and programs. All end with the bench. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { bareEnvironment } from './environment.js';
import type { LoadPlan, LoadReport, OutcomeOf, Resume } from './load/plan.js';

const readyDeadline = 60_000;
const stopDeadline = 30_000;
const children = new Set<ChildProcess>();

/** On the way out nothing is started any more. */
let ending = false;

/** Ends whatever still runs, at once; for the way out. */
export function killChildren(): void {
  ending = true;
  for (const child of children) child.kill('SIGKILL');
}

/** Whatever waits for a child then fails, and the way out drops the database and stops the embedded server. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      console.error(`${signal}: cleaning up`);
      process.exitCode = 130;
      killChildren();
    });
}

function track(child: ChildProcess): void {
  if (ending) {
    child.kill('SIGKILL');
    throw new Error('interrupted');
  }
  children.add(child);
  child.once('close', () => children.delete(child));
}

export interface Running {
  readonly pid: number;
  readonly port: number;
  /** Asks it to end (SIGTERM) and waits; rejects when it had to be killed or ended with an error. */
  stop(): Promise<void>;
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Starts a server and waits until GET /ready answers 200.
 * @param args Node flags, script and arguments
 * @throws Error with the end of its output when it ends or does not get ready
 */
export async function startServer(
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>>,
  outputFile: string,
): Promise<Running> {
  const output = openSync(outputFile, 'w');
  const child = spawn(process.execPath, args, {
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  track(child);
  const lastWords = () => `${args.join(' ')}\n${readFileSync(outputFile, 'utf8').slice(-2000)}`;
  const deadline = performance.now() + readyDeadline;
  while (!(await isReady(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended: ${lastWords()}`);
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server did not get ready: ${lastWords()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: child.pid ?? 0,
    port,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the server ended early: ${lastWords()}`);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadline);
      child.kill('SIGTERM');
      await once(child, 'exit');
      clearTimeout(timer);
      if (child.exitCode !== 0)
        throw new Error(`the server ended with ${child.signalCode ?? child.exitCode}: ${lastWords()}`);
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/**
 * Runs a plan in a process of its own.
 * @param onWindow what is to be done at the edges of the window; a load that waits at its start goes on when it resolves
 * @throws Error when the load client fails
 */
export async function runLoad<Plan extends LoadPlan>(
  plan: Plan,
  onWindow: (edge: 'start' | 'end') => void | Promise<void> = () => undefined,
): Promise<OutcomeOf<Plan>> {
  const child = fork(`${import.meta.dirname}/load/main.js`, {
    env: bareEnvironment(),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  track(child);
  let result: OutcomeOf<Plan> | null = null;
  let failure: Error | null = null;
  const resume: Resume = { type: 'resume' };
  const onEdge = async (edge: 'start' | 'end') => {
    try {
      await onWindow(edge);
      if (edge === 'start' && child.connected) child.send(resume);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      child.kill('SIGKILL');
    }
  };
  child.on('message', (message: LoadReport) => {
    if (message.type === 'window') void onEdge(message.edge);
    else result = message.result as OutcomeOf<Plan>;
  });
  child.send(plan);
  await once(child, 'close');
  if (failure !== null) throw failure as Error;
  if (result === null)
    throw new Error(`the load client ended without a result (${child.signalCode ?? child.exitCode})`);
  return result;
}

/** A script of the bench that measures something by itself, in a process of its own (`program.ts`). */
export interface Program<Figure extends string> {
  /** Below the bench's own compiled folder: `micro/append/program.js`. */
  readonly script: string;
  /** What it measures, by name; every one must be there. */
  readonly figures: readonly Figure[];
}

/** What a program measured, and what was wrong with the work that it measured; `faults` is empty when nothing was. */
export interface Measurement<Figure extends string> {
  readonly figures: Readonly<Record<Figure, number>>;
  readonly faults: readonly string[];
}

/**
 * Runs a program on a plan (plain data) in a fresh process.
 * @throws Error when it ends without a result, or when a figure of it is missing or no number
 */
export async function runProgram<Figure extends string>(
  { script, figures }: Program<Figure>,
  plan: object,
): Promise<Measurement<Figure>> {
  const child = fork(`${import.meta.dirname}/${script}`, {
    env: bareEnvironment(),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  track(child);
  const results: unknown[] = [];
  child.on('message', (message) => results.push(message));
  child.send(plan);
  await once(child, 'close');
  const [result] = results;
  if (results.length !== 1 || child.exitCode !== 0)
    throw new Error(`${script} ended with ${child.signalCode ?? child.exitCode} and ${results.length} results`);
  if (!isMeasurement(result, figures)) throw new Error(`${script}: not a result: ${JSON.stringify(result)}`);
  return result;
}

function isMeasurement<Figure extends string>(value: unknown, names: readonly Figure[]): value is Measurement<Figure> {
  if (typeof value !== 'object' || value === null || !('faults' in value) || !('figures' in value)) return false;
  const { faults, figures } = value;
  if (typeof figures !== 'object' || figures === null || !Array.isArray(faults)) return false;
  const isMeasured = (name: string): boolean => Number.isFinite(Reflect.get(figures, name));
  return faults.every((fault) => typeof fault === 'string') && names.every(isMeasured);
}
