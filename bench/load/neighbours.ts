/** Quiet rooms, and a hot room beside them if wanted: two closed loops at once, each counted by itself. */
import { beginSending, measureWindow, resultOf, type Crowd } from './closed-loop.js';
import type { LoadResult } from './plan.js';
import { drain, enter, leave, validate, type Room } from './rooms.js';
import { Tally } from './tally.js';

export interface Neighbours {
  readonly kind: 'neighbours';
  readonly port: number;
  readonly secret: string;
  readonly quiet: Crowd;
  /** Null: the quiet rooms are alone. */
  readonly hot: Crowd | null;
  readonly contentLength: number;
  readonly warmupMs: number;
  readonly windowMs: number;
}

/** The result is the quiet rooms'. */
export interface NeighboursResult extends LoadResult {
  readonly hot: LoadResult | null;
}

interface Group {
  readonly crowd: Crowd;
  readonly tally: Tally;
  readonly rooms: readonly Room[];
}

export async function runNeighbours(
  plan: Neighbours,
  onWindow: (edge: 'start' | 'end') => void,
): Promise<NeighboursResult> {
  const group = async (crowd: Crowd, prefix: string): Promise<Group> => {
    const tally = new Tally();
    return { crowd, tally, rooms: await enter({ ...plan, ...crowd }, tally, prefix) };
  };
  const quiet = await group(plan.quiet, 'quiet');
  const hot = plan.hot === null ? null : await group(plan.hot, 'hot');
  const groups = hot === null ? [quiet] : [hot, quiet];
  const stops = groups.map(({ rooms, crowd }) => beginSending(rooms, crowd));
  const window = await measureWindow(
    plan,
    groups.map(({ tally }) => tally),
    onWindow,
  );
  for (const stop of stops) stop();
  await drain(groups.flatMap(({ rooms }) => rooms));
  const [ofQuiet, ofHot] = [quiet, hot].map((one) =>
    one === null ? null : resultOf(window, one.tally, validate(one.rooms)),
  );
  for (const { rooms } of groups) leave(rooms);
  if (ofQuiet === undefined || ofQuiet === null) throw new Error('the quiet rooms were not measured');
  return { ...ofQuiet, hot: ofHot ?? null };
}
