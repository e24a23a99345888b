/** The cases under load and the goals that the service is measured against. */
import type { LoadRound, Measured } from './results.js';
import { median } from './results.js';
import type { SubjectName } from './subjects.js';

export interface Goal {
  readonly title: string;
  /** `now`: must be reached by this version; `final`: where the design shall end. */
  readonly kind: 'now' | 'final';
  readonly bound: 'at least' | 'at most';
  readonly limit: number;
  readonly unit: string;
}

/** A goal between two servers: the median of the rounds' own ratios, since only neighbours in time are comparable. */
export interface RatioGoal extends Goal {
  readonly of: (measured: Measured) => number;
  readonly against: SubjectName;
}

export interface LoadCase {
  readonly name: string;
  /** What it stands for, in the words of a reader who chooses a chat server. */
  readonly title: string;
  readonly rooms: number;
  readonly members: number;
  readonly senders: number;
  readonly inFlight: number;
  readonly goals: readonly RatioGoal[];
}

const ackedRate = (measured: Measured) => measured.acked / measured.windowMs;
const deliveryRate = (measured: Measured) => measured.deliveries / measured.windowMs;
const p50 = (measured: Measured) => measured.latency.p50;

/** Characters of content in every message. */
export const contentLength = 120;

export const loadCases: readonly LoadCase[] = [
  {
    name: 'busy',
    title: '10 rooms of 10, all sending, 4 in flight each',
    rooms: 10,
    members: 10,
    senders: 10,
    inFlight: 4,
    goals: [
      {
        title: 'acked/s against plain Socket.IO',
        kind: 'now',
        bound: 'at least',
        limit: 1,
        unit: 'x',
        of: ackedRate,
        against: 'plain',
      },
      {
        title: 'acked/s against one INSERT per message',
        kind: 'now',
        bound: 'at least',
        limit: 2,
        unit: 'x',
        of: ackedRate,
        against: 'one-insert',
      },
      {
        title: 'acked/s against plain Socket.IO',
        kind: 'final',
        bound: 'at least',
        limit: 2,
        unit: 'x',
        of: ackedRate,
        against: 'plain',
      },
    ],
  },
  {
    name: 'quiet',
    title: '10 rooms of 10, one sending in each, 1 in flight',
    rooms: 10,
    members: 10,
    senders: 1,
    inFlight: 1,
    goals: [
      {
        title: 'p50 of acks against one INSERT per message',
        kind: 'now',
        bound: 'at most',
        limit: 1.5,
        unit: 'x',
        of: p50,
        against: 'one-insert',
      },
    ],
  },
  {
    name: 'many',
    title: '100 rooms of 2, both sending, 8 in flight each',
    rooms: 100,
    members: 2,
    senders: 2,
    inFlight: 8,
    goals: [
      {
        title: 'acked/s against plain Socket.IO',
        kind: 'final',
        bound: 'at least',
        limit: 1.5,
        unit: 'x',
        of: ackedRate,
        against: 'plain',
      },
    ],
  },
  {
    name: 'hot',
    title: '1 room of 200, 20 sending, 8 in flight each',
    rooms: 1,
    members: 200,
    senders: 20,
    inFlight: 8,
    goals: [
      {
        title: 'deliveries/s against plain Socket.IO',
        kind: 'final',
        bound: 'at least',
        limit: 6,
        unit: 'x',
        of: deliveryRate,
        against: 'plain',
      },
    ],
  },
];

/** The goal's figure over all rounds; NaN when a server was not measured. */
export function ratio(goal: RatioGoal, rounds: readonly LoadRound[]): number {
  return median(
    rounds.flatMap(({ subjects }) => {
      const service = subjects.service;
      const other = subjects[goal.against];
      return service === undefined || other === undefined ? [] : [goal.of(service) / goal.of(other)];
    }),
  );
}

export function isReached(goal: Goal, figure: number): boolean {
  return goal.bound === 'at least' ? figure >= goal.limit : figure <= goal.limit;
}
