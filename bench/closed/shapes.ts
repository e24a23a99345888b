/** The shapes of load in which every sender waits for its answers, and what the service is to reach in each. */
import type { Options } from '../options.js';
import type { Measured } from '../results.js';
import type { SubjectName } from '../subjects.js';

/** A goal between two servers: the median of the rounds' own ratios, since only neighbours in time are comparable. */
export interface RatioGoal {
  readonly figure: string;
  readonly of: (measured: Measured) => number;
  readonly against: SubjectName;
  readonly bound: 'at least' | 'at most';
  readonly limit: number;
}

export interface Shape {
  readonly name: string;
  readonly title: string;
  readonly rooms: number;
  readonly members: number;
  readonly senders: number;
  readonly inFlight: number;
  /** Members in a smoke test, where entering them all would take longer than a second. */
  readonly smokeMembers?: number;
  readonly goals: readonly RatioGoal[];
}

export const ackedRate = (measured: Measured): number => (measured.acked / measured.windowMs) * 1000;
export const deliveryRate = (measured: Measured): number => (measured.deliveries / measured.windowMs) * 1000;
const p50 = (measured: Measured): number => measured.latency.p50;

/** Characters of content in every message. */
export const contentLength = 120;

/** Against what is usually built: the same in every shape. */
const againstLayered = atLeast(10, 'acked/s', ackedRate, 'layered');

function atLeast(limit: number, figure: string, of: RatioGoal['of'], against: SubjectName): RatioGoal {
  return { figure, of, against, bound: 'at least', limit };
}

export const shapes: readonly Shape[] = [
  {
    name: 'busy',
    title: '10 rooms of 10, all sending, 4 in flight each',
    rooms: 10,
    members: 10,
    senders: 10,
    inFlight: 4,
    goals: [atLeast(2, 'acked/s', ackedRate, 'plain'), againstLayered],
  },
  {
    name: 'quiet',
    title: '10 rooms of 10, one sending in each, 1 in flight',
    rooms: 10,
    members: 10,
    senders: 1,
    inFlight: 1,
    goals: [{ figure: 'p50 of acks', of: p50, against: 'one-insert', bound: 'at most', limit: 1.1 }, againstLayered],
  },
  {
    name: 'many',
    title: '100 rooms of 2, both sending, 8 in flight each',
    rooms: 100,
    members: 2,
    senders: 2,
    inFlight: 8,
    goals: [atLeast(1.5, 'acked/s', ackedRate, 'plain'), againstLayered],
  },
  {
    name: 'hot',
    title: '1 room of 200, 20 sending, 8 in flight each',
    rooms: 1,
    members: 200,
    senders: 20,
    inFlight: 8,
    goals: [atLeast(6, 'deliveries/s', deliveryRate, 'plain'), againstLayered],
  },
  {
    name: 'huge',
    title: '1 room of 2,000, 5 sending, 4 in flight each',
    rooms: 1,
    members: 2000,
    senders: 5,
    inFlight: 4,
    smokeMembers: 100,
    goals: [atLeast(6, 'deliveries/s', deliveryRate, 'plain')],
  },
];

/** A shape as these options run it. */
export function fitted(shape: Shape, { smoke }: Options): Shape {
  return smoke && shape.smokeMembers !== undefined ? { ...shape, members: shape.smokeMembers } : shape;
}
