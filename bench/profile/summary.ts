/** Reads V8's CPU profiles of one process and tells, thread by thread, where the time went. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../root.js';

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** Lines per table. */
const top = 25;
const notWork = new Set(['(idle)', '(program)', '(root)']);

/** Self time of one function or module. */
interface Row {
  readonly name: string;
  readonly ms: number;
}

/** The tables of all `.cpuprofile` files of a folder: of each thread the functions, then the modules, with most self time. */
export function summarize(folder: string): string {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .sort();
  if (files.length === 0) return `no .cpuprofile files in ${folder}`;
  return files
    .map((file) => summarizeThread(file, JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Profile))
    .join('\n');
}

function summarizeThread(file: string, profile: Profile): string {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const modules = new Map<string, number>();
  let busy = 0;
  let idle = 0;
  profile.samples.forEach((id, i) => {
    const ms = (profile.timeDeltas[i] ?? 0) / 1000;
    const frame = frames.get(id);
    if (frame === undefined) return;
    if (frame.functionName === '(idle)') {
      idle += ms;
      return;
    }
    busy += ms;
    const module = moduleOf(frame);
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const place = notWork.has(name) || frame.url === '' ? name : `${name}  ${module}:${frame.lineNumber + 1}`;
    functions.set(place, (functions.get(place) ?? 0) + ms);
    modules.set(module, (modules.get(module) ?? 0) + ms);
  });
  // CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile
  const thread = file.split('.').at(-3);
  const name = thread === '0' ? 'main thread' : `worker thread ${thread}`;
  const share = ((busy / Math.max(1, busy + idle)) * 100).toFixed(0);
  return [
    `\n${name}: ${busy.toFixed(0)} ms busy, ${share} % of its life (start and warm-up included)`,
    '  self time by function',
    ...lines(functions, busy),
    '  self time by module',
    ...lines(modules, busy),
  ].join('\n');
}

function lines(times: ReadonlyMap<string, number>, busy: number): string[] {
  const rows: Row[] = [...times].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
  return rows
    .slice(0, top)
    .map(
      ({ name, ms }) => `  ${((ms / busy) * 100).toFixed(1).padStart(6)} % ${ms.toFixed(0).padStart(7)} ms  ${name}`,
    );
}

/** A package of node_modules as one, a file of ours by itself. */
function moduleOf({ url, functionName }: CallFrame): string {
  if (url === '')
    return notWork.has(functionName) || functionName === '(garbage collector)' ? functionName : '(native)';
  if (!url.startsWith('file:')) return url;
  const path = fileURLToPath(url);
  const inside = path.lastIndexOf('node_modules/');
  if (inside >= 0) return /^(@[^/]+\/)?[^/]+/.exec(path.slice(inside + 'node_modules/'.length))?.[0] ?? path;
  return path.startsWith(packageRoot) ? path.slice(packageRoot.length + 1) : path;
}
