/** Looks after what this node should hold: at every change of the view, and regularly since time alone changes the answer. */
import type { Log } from '../../observe/log.js';
import type { Service } from '../lifecycle.js';
import { assign, noMemory, type AssignmentTimes, type Memory } from './assignment.js';
import type { ClusterView, LocalRooms, NodeId } from './port.js';

interface StewardOptions {
  readonly self: NodeId;
  readonly membership: {
    readonly view: ClusterView;
    /** False while the database does not answer: then the view is old, and nothing is decided by it. */
    readonly fresh: boolean;
    onChange(listener: () => void): void;
  };
  readonly rooms: Pick<LocalRooms, 'want' | 'held' | 'onHeld'>;
  readonly times: AssignmentTimes;
  /** Between two looks when nothing changes, ms; half a take-over step at most. */
  readonly lookMs: number;
  readonly log: Log;
}

export class Steward implements Service {
  readonly name = 'steward';
  readonly #options: StewardOptions;
  #memory: Memory = noMemory;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  /** Wanted when it was last logged. */
  #said: ReadonlySet<number> = noMemory.wanted;

  constructor(options: StewardOptions) {
    this.#options = options;
    const { membership, rooms } = options;
    membership.onChange(() => this.#lookSoon());
    rooms.onHeld(() => this.#lookSoon());
  }

  start(): Promise<void> {
    const { lookMs, times } = this.#options;
    this.#timer = setInterval(() => this.#regularly(), Math.min(lookMs, times.takeOverStepMs / 2));
    this.#regularly();
    return Promise.resolve();
  }

  /** From now on nothing is claimed or handed over any more. */
  stop(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
    return Promise.resolve();
  }

  /** Many partitions change at once: one look is enough for them all. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      this.#look();
    });
  }

  #regularly(): void {
    this.#look();
    const { wanted } = this.#memory;
    const more = [...wanted].filter((partition) => !this.#said.has(partition)).length;
    const fewer = this.#said.size + more - wanted.size;
    this.#said = wanted;
    if (more + fewer > 0)
      this.#options.log.info({ wanted: wanted.size, more, fewer }, 'other partitions are wanted here');
  }

  #look(): void {
    const { self, membership, rooms, times } = this.#options;
    if (this.#timer === null || !membership.fresh) return;
    this.#memory = assign(
      { view: membership.view, self, held: rooms.held, now: performance.now(), times },
      this.#memory,
    );
    rooms.want(this.#memory.wanted);
  }
}
