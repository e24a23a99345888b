/**
 * Brings a batch of commands to its commit, whatever the store says: the table of recoveries.
 *
 * | failure | written? | recovery |
 * |---|---|---|
 * | duplicate | no | look up which ids exist, decide again with that knowledge |
 * | stale | no | read the rooms again, decide again; still stale after three times: treated as fenced |
 * | data | no | halve the batch until one command is alone, and refuse that one (law 7) |
 * | slow | no | halve the batch likewise, as long as somebody waits: one command must not use up the time of its neighbours |
 * | transient | no | wait a little and try again, until nobody waits for the answers any more |
 * | fenced | no | throw every state away, take the partitions again, decide again |
 * | lost | unknown | the same, and look up first what did commit |
 * | a partition is not held (any more) | maybe, if it was lost meanwhile | its commands are answered `moved`: sent again to the owner, who looks them up |
 * | a command threw | no | refuse that command, decide the others again |
 * | (the commands need too much from the store) | no | halve the batch before anything is asked |
 */
import type { Command } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { reject, type RejectionCode } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Behaviour, Known } from './behaviour.js';
import type { Burst, LaneOutcome } from './frames.js';
import { gather, rowsPerBatch, type Asked } from './needs.js';
import type { Ownership } from './ownership.js';
import type { Residents, RoomCell } from './residents.js';
import { stage, StagingFault, type Batch, type Refusal } from './stage.js';
import { StoreError } from './store/port.js';

export interface Committed {
  readonly outcomes: readonly LaneOutcome[];
  readonly bursts: readonly Burst[];
}

export interface CommitterMetrics {
  frameCommitted(commands: number, seconds: number): void;
  frameRetried(reason: string): void;
}

interface CommitterOptions<State, Reply> {
  readonly behaviour: Behaviour<State, Reply>;
  readonly residents: Residents<State, Reply>;
  readonly ownership: Ownership;
  readonly partitionOf: (key: RoomKey) => number;
  readonly replyDeadlineMs: number;
  /** Whether integration events are written with the frame. */
  readonly outbox: boolean;
  readonly metrics: CommitterMetrics;
  readonly log: Log;
}

const staleAttempts = 3;
const retryPauseMs = 50;
/** So many parts of a frame that were too slow one after the other, when nobody waits any more: the rest is not tried. */
const slowInRow = 2;

export class Committer<State, Reply> {
  readonly #options: CommitterOptions<State, Reply>;

  constructor(options: CommitterOptions<State, Reply>) {
    this.#options = options;
  }

  /** One outcome per command, same order. Never rejects, unless the shard stops while the store is away. */
  async commit(commands: readonly Command[], resent: boolean): Promise<Committed> {
    const outcomes: LaneOutcome[] = [];
    const bursts: Burst[] = [];
    // Batches still to commit, in order: more than one only while a bad command is being found.
    const open: Batch[] = [
      { commands, offset: 0, resent, lookUp: resent, known: null, refused: new Map(), slow: false },
    ];
    const giveUpAt = performance.now() + this.#options.replyDeadlineMs;
    let slow = 0;
    for (let batch = open.shift(); batch !== undefined; batch = open.shift()) {
      const hopeless = slow >= slowInRow && performance.now() >= giveUpAt;
      const result = hopeless ? 'slow' : await this.#settle(batch, giveUpAt);
      if (result === 'halve') {
        open.unshift(...halves(batch));
        continue;
      }
      slow = result === 'slow' ? slow + 1 : 0;
      const committed = result === 'slow' ? refuseAll(batch, 'UNAVAILABLE') : result;
      outcomes.push(...committed.outcomes);
      bursts.push(...committed.bursts);
    }
    return { outcomes, bursts };
  }

  async #settle(batch: Batch, giveUpAt: number): Promise<Committed | 'halve' | 'slow'> {
    const { ownership, residents, partitionOf, metrics, log } = this.#options;
    const keys = new Set(batch.commands.map((command) => command.key));
    let stale = 0;
    let looked = false;
    for (;;) {
      await ownership.ensure(() => new Set([...keys].map(partitionOf)));
      try {
        return await this.#attempt(batch, this.#here(batch, keys));
      } catch (error) {
        residents.invalidate(keys);
        const fault = error instanceof StagingFault ? 'threw' : error instanceof StoreError ? error.failure : null;
        if (fault === null) throw error;
        metrics.frameRetried(fault);
        if (error instanceof StagingFault) {
          const bad = batch.commands[error.index];
          log.error(
            { kind: bad?.kind, command: bad?.id, room: bad?.key, err: error.cause },
            'a command threw and is refused',
          );
          batch.refused.set(error.index, { ok: false, rejection: reject('INTERNAL') });
          continue;
        }
        if (fault === 'duplicate' && !looked) {
          looked = true;
          batch.lookUp = true;
          batch.known = null;
          continue;
        }
        log.warn({ failure: fault, commands: batch.commands.length, err: error }, 'a frame did not commit');
        if (fault === 'data' || fault === 'duplicate') {
          // A duplicate that the lookup does not find breaks some other constraint: the command is bad, as with `data`.
          if (batch.commands.length > 1) return 'halve';
          return refuseAll(batch, 'UNPROCESSABLE');
        }
        if (fault === 'slow') {
          if (performance.now() >= giveUpAt) return 'slow';
          if (batch.commands.length > 1) {
            batch.slow = true;
            return 'halve';
          }
          // Found: its neighbours have waited for it long enough.
          if (batch.slow) return 'slow';
        }
        if (fault === 'stale' && ++stale < staleAttempts) continue;
        if (fault === 'transient' || fault === 'slow') {
          if (performance.now() >= giveUpAt) return refuseAll(batch, 'UNAVAILABLE');
          await ownership.pause(retryPauseMs);
          continue;
        }
        ownership.lose();
        batch.resent = true;
        batch.lookUp = true;
        batch.known = null;
      }
    }
  }

  /** The rooms whose partitions are held. The commands of the others are answered at once, and never decided here. */
  #here(batch: Batch, keys: ReadonlySet<RoomKey>): ReadonlySet<RoomKey> {
    const { ownership, partitionOf } = this.#options;
    if (ownership.alone) return keys;
    const here = new Set<RoomKey>();
    for (const key of keys) if (ownership.owns(partitionOf(key))) here.add(key);
    if (here.size === keys.size) return keys;
    batch.commands.forEach((command, index) => {
      if (!here.has(command.key)) batch.refused.set(index, moved);
    });
    return here;
  }

  async #attempt(batch: Batch, keys: ReadonlySet<RoomKey>): Promise<Committed | 'halve'> {
    const { behaviour, residents, ownership, metrics } = this.#options;
    const now = Date.now();
    const cells = await residents.activate(this.#toActivate(batch, keys), now);
    const { asked, rows } = gather(behaviour, batch.commands, cells);
    if (rows > rowsPerBatch && batch.commands.length > 1) return 'halve';
    if (batch.lookUp && batch.known === null) await this.#lookUp(batch);
    await this.#supply(asked, cells);
    const staged = stage(behaviour, batch, cells, now, residents.free, this.#options.outbox);
    const append = staged.builder.build(
      (partition) => ownership.fence(partition),
      (key) => {
        const state = cells.get(key)?.state;
        if (state === null || state === undefined) throw new Error('room is not active');
        return { seq: behaviour.lastSeq(state), version: behaviour.lastVersion(state) };
      },
    );
    if (append !== null) {
      const startedAt = performance.now();
      await ownership.writer.append(append);
      metrics.frameCommitted(batch.commands.length, (performance.now() - startedAt) / 1000);
    }
    residents.settle(cells.values());
    return staged;
  }

  /** Pages are answered from memory alone: they read no room into it. */
  #toActivate({ commands }: Batch, keys: ReadonlySet<RoomKey>): ReadonlySet<RoomKey> {
    if (!commands.some(({ kind }) => kind === 'page')) return keys;
    const rooms = new Set<RoomKey>();
    for (const { kind, key } of commands)
      if (keys.has(key) && (kind !== 'page' || this.#options.residents.holds(key))) rooms.add(key);
    return rooms;
  }

  /** What the actors need from behind their memory, for the whole batch in one read. */
  async #supply(asked: readonly Asked[], cells: ReadonlyMap<RoomKey, RoomCell<State>>): Promise<void> {
    const { behaviour, ownership } = this.#options;
    if (asked.length === 0) return;
    const facts = await ownership.writer.facts(asked);
    asked.forEach(({ key }, i) => {
      const state = cells.get(key)?.state;
      const found = facts[i];
      if (state !== null && state !== undefined && found !== undefined) behaviour.supply(state, found);
    });
  }

  async #lookUp(batch: Batch): Promise<void> {
    const sends = batch.commands.flatMap((command) => (command.kind === 'send' ? [command] : []));
    const stored = sends.length === 0 ? [] : await this.#options.ownership.writer.known(sends);
    const byId = new Map(sends.map((send, i) => [send.id, stored[i] ?? null]));
    batch.known = batch.commands.map((command): Known => ({
      stored: byId.get(command.id) ?? null,
      resent: batch.resent,
    }));
  }
}

const moved: Refusal = { ok: false, moved: true };

function refuseAll(batch: Batch, code: RejectionCode): Committed {
  const refusal: Refusal = { ok: false, rejection: reject(code) };
  return { outcomes: batch.commands.map((_, index) => batch.refused.get(index) ?? refusal), bursts: [] };
}

function halves(batch: Batch): Batch[] {
  const middle = batch.commands.length >> 1;
  return [slice(0, middle), slice(middle, batch.commands.length)];

  function slice(from: number, to: number): Batch {
    const inside = [...batch.refused].filter(([i]) => i >= from && i < to);
    return {
      commands: batch.commands.slice(from, to),
      offset: batch.offset + from,
      resent: batch.resent,
      lookUp: batch.lookUp,
      known: batch.known?.slice(from, to) ?? null,
      refused: new Map(inside.map(([i, refusal]) => [i - from, refusal])),
      slow: batch.slow,
    };
  }
}
