/** What a nemesis is: one row of the fault table made to happen to a running world, once or several times, and healed again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Env } from '../../harness/service.js';
import type { History } from '../history.js';
import type { Random } from '../random.js';
import type { Workload, WorkloadOptions } from '../workload.js';
import type { World } from '../world.js';

/** What a nemesis may do and wait for. */
export interface Scene {
  readonly world: World;
  readonly workload: Workload;
  readonly history: History;
  readonly random: Random;
  readonly rooms: readonly string[];
  /** Who is in which room, as the Chat Room Service says; it may be changed. */
  readonly memberships: Map<string, string[]>;
  /** How often a repeatable fault strikes. */
  readonly rounds: number;
}

export interface Nemesis {
  readonly name: string;
  /** Its row of the fault table. */
  readonly fault: string;
  readonly nodes: 1 | 2;
  readonly redis?: boolean;
  readonly rabbit?: boolean;
  readonly proxied?: boolean;
  /** Settings of the service beside the usual ones. */
  readonly env?: Env;
  readonly nodeArguments?: readonly string[];
  readonly workload?: Partial<Pick<WorkloadOptions, 'lanes' | 'thinkMs' | 'visitors' | 'contentLength'>>;
  /** Figures that the run is to stay below, in milliseconds; beyond them it is late, which is no violation of a law. */
  readonly bounds?: {
    readonly silenceMs?: number;
    readonly takeOverMs?: number;
    readonly lateMs?: number;
    readonly firstAckMs?: number;
  };
  /** Whether no request may be refused. */
  readonly refusesNothing?: boolean;
  /** Resolves when everything is healed. */
  readonly strike: (scene: Scene) => Promise<void>;
}

/** Acked messages between a heal and the next strike, so that every strike meets a service at work. */
const between = 120;

/** Strikes `rounds` times with traffic between. */
export async function rounds(scene: Scene, once: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < scene.rounds; round += 1) {
    await scene.workload.more(between);
    await once(round);
  }
  await scene.workload.more(between);
}

export function struck({ history }: Scene, detail: string): void {
  history.add({ type: 'nemesis', phase: 'strike', detail });
}

export function healed({ history }: Scene, detail: string): void {
  history.add({ type: 'nemesis', phase: 'heal', detail });
}

/** The time that a fault lasts: a part of the fault itself. */
export function hold(ms: number): Promise<void> {
  return pause(ms);
}
