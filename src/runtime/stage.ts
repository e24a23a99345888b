/**
 * The synchronous middle of a frame: every command is decided in order, its events evolve at once, and replies and
 * broadcasts are encoded on the spot. Nothing of it leaves the shard before the frame is committed.
 */
import type { Command } from '../actors/protocol/commands.js';
import type { Broadcast } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import { reject } from '../actors/rejections.js';
import { AppendBuilder } from './append-builder.js';
import type { Behaviour, Known } from './behaviour.js';
import type { Burst, LaneOutcome, PlacedBroadcast } from './frames.js';
import type { RoomCell } from './residents.js';

export type Refusal = Extract<LaneOutcome, { readonly ok: false }>;

/** Commands that go into one transaction, and what is known of them from earlier attempts. */
export interface Batch {
  readonly commands: readonly Command[];
  /** The place of the first command within the frame. */
  readonly offset: number;
  /** The outcome of an earlier attempt was lost: what is found in the store must still be broadcast. */
  resent: boolean;
  /** Whether the store is to be asked what it knows of the commands before they are decided. */
  lookUp: boolean;
  /** One per command once looked up. */
  known: readonly (Known | null)[] | null;
  /** Commands that no actor is asked about, by index: they threw, or their partition moved. */
  readonly refused: Map<number, Refusal>;
  /** It is a part of one that took the store too long. */
  slow: boolean;
}

export interface Staged {
  readonly outcomes: readonly LaneOutcome[];
  readonly bursts: readonly Burst[];
  readonly builder: AppendBuilder;
}

/** A command that threw: a bug in the actor, contained to this command. */
export class StagingFault extends Error {
  override readonly name = 'StagingFault';
  readonly index: number;
  constructor(index: number, cause: unknown) {
    super('a command threw while it was decided', { cause });
    this.index = index;
  }
}

/**
 * @param free how many more rooms may become occupied; a join that would take one too many is refused, an announcement is not:
 * those sockets are in the room already
 * @param outbox whether integration events are to be written
 * @throws StagingFault with the command's index; the states of all rooms of the batch are then to be read again
 */
export function stage<State, Reply>(
  behaviour: Behaviour<State, Reply>,
  batch: Batch,
  cells: ReadonlyMap<RoomKey, RoomCell<State>>,
  now: number,
  free = Infinity,
  outbox = false,
): Staged {
  let places = free;
  const builder = new AppendBuilder(outbox);
  const outcomes: LaneOutcome[] = [];
  const bursts = new Map<RoomKey, PlacedBroadcast[]>();
  batch.commands.forEach((command, index) => {
    const refused = batch.refused.get(index);
    if (refused !== undefined) {
      outcomes.push(refused);
      return;
    }
    try {
      const said = stageOne(command, index);
      const place = batch.offset + index;
      for (const broadcast of said) {
        let burst = bursts.get(command.key);
        if (burst === undefined) bursts.set(command.key, (burst = []));
        const { packet, version, except, evict } = broadcast;
        const placed = { packet, version, except, at: place };
        burst.push(evict === undefined ? placed : { ...placed, evict });
      }
    } catch (error) {
      throw new StagingFault(index, error);
    }
  });
  return { outcomes, bursts: [...bursts].map(([key, events]) => ({ key, events })), builder };

  function stageOne(command: Command, index: number): readonly Broadcast[] {
    const cell = cells.get(command.key);
    if (cell === undefined && command.kind === 'page') {
      outcomes.push(notInMemory);
      return none;
    }
    if (cell === undefined || cell.state === null) throw new Error('room is not active');
    const before = cell.state;
    const occupied = behaviour.occupied(before);
    if (command.kind === 'join' && !occupied && places <= 0) {
      outcomes.push(full);
      return none;
    }
    const decision = behaviour.decide(before, command, now, batch.known?.[index] ?? null);
    if (!decision.ok) {
      outcomes.push(decision);
      return none;
    }
    if (decision.events.length > 0)
      builder.touch(command.key, cell.partition, behaviour.lastSeq(before), behaviour.lastVersion(before));
    const broadcasts: Broadcast[] = [];
    for (const event of decision.events) {
      cell.state = behaviour.evolve(cell.state, event);
      builder.add(command.key, event);
      broadcasts.push(...behaviour.broadcasts(cell.state, event));
    }
    places += Number(occupied) - Number(behaviour.occupied(cell.state));
    outcomes.push({ ok: true, answer: behaviour.encodeReply(cell.state, decision.reply) });
    return broadcasts;
  }
}

const none: readonly Broadcast[] = [];
/** As an actor says of a page that it does not have. */
const notInMemory: LaneOutcome = { ok: true, answer: { body: 'null', resync: null } };
const full: Refusal = { ok: false, rejection: reject('OVERLOADED', 'Too many rooms are in use, try again shortly') };
