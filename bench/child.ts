/** Processes that the bench starts: servers, with their output in a file, the load client and programs. All end with the bench. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { bareEnvironment } from './environment.js';
import type { LoadPlan, LoadReport, LoadResult, OpenLoop, OpenResult } from './load/plan.js';

const readyDeadline = 60_000;
const stopDeadline = 30_000;
const children = new Set<ChildProcess>();

/** Ends whatever still runs, at once; for the way out. */
export function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

function track(child: ChildProcess): void {
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

type OnWindow = (edge: 'start' | 'end') => void;

/** Runs a plan in a process of its own. @throws Error when the load client fails */
export async function runLoad(
  plan: Exclude<LoadPlan, OpenLoop>,
  onWindow: OnWindow = () => undefined,
): Promise<LoadResult> {
  const result = await runPlan(plan, onWindow);
  if ('steps' in result) throw new Error(`the load client answered with steps to ${plan.kind}`);
  return result;
}

/** The same with an open loop, whose every step has a window of its own. */
export async function runOpenLoad(plan: OpenLoop, onWindow: OnWindow): Promise<OpenResult> {
  const result = await runPlan(plan, onWindow);
  if (!('steps' in result)) throw new Error(`the load client answered without steps to ${plan.kind}`);
  return result;
}

async function runPlan(plan: LoadPlan, onWindow: OnWindow): Promise<LoadResult | OpenResult> {
  const child = fork(`${import.meta.dirname}/load/main.js`, {
    env: bareEnvironment(),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  track(child);
  let result: LoadResult | OpenResult | null = null;
  child.on('message', (message: LoadReport) => {
    if (message.type === 'window') onWindow(message.edge);
    else result = message.result;
  });
  child.send(plan);
  await once(child, 'close');
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
