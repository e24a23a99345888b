/**
 * Coordinate descent over settings: one variable after the other, each value beside the best setting so far in rounds of
 * alternating order. A value is taken only when it is better by more than the noise; what was put together in the end is
 * measured once more against the defaults alone, since the best of many noisy figures looks better than it is.
 */
import { judge, noiseOf, type Round, type Sample, type Settings, type Verdict } from './judge.js';

/** A variable and the values to try. */
export interface Variable {
  readonly name: string;
  readonly values: readonly string[];
  /** What holds while it is not set. */
  readonly byDefault: string;
}

export interface Row {
  readonly settings: Settings;
  readonly base: Settings;
  readonly verdict: Verdict;
}

export interface Tuned {
  /** Every candidate of every stage, in the order in which they were measured. */
  readonly rows: readonly Row[];
  /** Empty when nothing beats the defaults by more than the noise. */
  readonly recommended: Settings;
  /** The recommended settings against the defaults; null where the stages found nothing better. */
  readonly confirmed: Row | null;
  /** The largest difference seen between two measurements of the same setting in one round, as a share. */
  readonly noise: number;
}

export interface Sweep {
  readonly variables: readonly Variable[];
  readonly rounds: number;
  readonly measure: (settings: Settings) => Promise<Sample>;
}

/** Measurements of a sweep at most: it ends with fewer when nothing is found that needs to be confirmed. */
export function measurements({ variables, rounds }: Pick<Sweep, 'variables' | 'rounds'>): number {
  const stages = variables.reduce((sum, variable) => sum + candidatesOf(variable, {}).length + 2, 0);
  return (stages + 3) * rounds;
}

export async function sweep(plan: Sweep): Promise<Tuned> {
  const rows: Row[] = [];
  let best: Settings = {};
  let noise = 0;
  for (const variable of plan.variables) {
    const base = best;
    const candidates = candidatesOf(variable, base);
    const rounds = await measureRounds(plan, base, candidates);
    noise = Math.max(noise, noiseOf(rounds));
    let gain = 1;
    for (const [place, settings] of candidates.entries()) {
      const verdict = judge(rounds, place, noise);
      rows.push({ settings, base, verdict });
      if (!verdict.better || verdict.gain <= gain) continue;
      best = settings;
      gain = verdict.gain;
    }
  }
  if (Object.keys(best).length === 0) return { rows, recommended: best, confirmed: null, noise };
  const rounds = await measureRounds(plan, {}, [best]);
  noise = Math.max(noise, noiseOf(rounds));
  const confirmed = { settings: best, base: {}, verdict: judge(rounds, 0, noise) };
  return { rows, recommended: confirmed.verdict.better ? best : {}, confirmed, noise };
}

/** The base with each value of the variable that it does not have already. */
function candidatesOf({ name, values, byDefault }: Variable, base: Settings): readonly Settings[] {
  const held = base[name] ?? byDefault;
  return values.filter((value) => value !== held).map((value) => ({ ...base, [name]: value }));
}

async function measureRounds(
  { rounds, measure }: Sweep,
  base: Settings,
  candidates: readonly Settings[],
): Promise<readonly Round[]> {
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const first = await measure(base);
    const order = round % 2 === 1 ? candidates : candidates.toReversed();
    const samples: Sample[] = [];
    for (const settings of order) samples.push(await measure(settings));
    const last = await measure(base);
    measured.push({ base: [first, last], candidates: round % 2 === 1 ? samples : samples.toReversed() });
  }
  return measured;
}
