/** Rooms full of members: how a load enters them, waits for what is under way, and judges what everybody saw. */
import { sign } from '../token.js';
import { Member } from './member.js';
import type { Resume, Rooms, Validation } from './plan.js';
import type { Tally } from './tally.js';

export interface Room {
  readonly id: string;
  readonly members: readonly Member[];
}

/** Connecting is not measured; a few at a time, so that no server's accept queue or login is flooded. */
const connectAtOnce = 16;
/** A drain ends when nothing arrived for this long (ms) though something is missing. */
const silence = 5_000;

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Connects all members and joins them to their rooms. */
export async function enter(plan: Omit<Rooms, 'senders'>, tally: Tally): Promise<Room[]> {
  const { prefix = 'bench' } = plan;
  const rooms: Room[] = [];
  const entering: (() => Promise<void>)[] = [];
  for (let r = 0; r < plan.rooms; r += 1) {
    const id = `${prefix}-room-${r}`;
    const members: Member[] = [];
    for (let m = 0; m < plan.members; m += 1) {
      // The last member of each room watches the order: in the case of few senders it only listens.
      const member = new Member(`${prefix}-user-${r}-${m}`, tally, plan.contentLength, m === plan.members - 1);
      members.push(member);
      entering.push(async () => {
        await member.connect(plan.port, sign(member.userId, plan.secret));
        await member.join(id);
      });
    }
    rooms.push({ id, members });
  }
  await allOf(entering);
  return rooms;
}

export function leave(rooms: readonly Room[]): void {
  for (const { members } of rooms) for (const member of members) member.close();
}

/** Resolves when the harness has done what it does at the window's start. To be called before the window is reported. */
export function resumed(): Promise<void> {
  return new Promise((resolve) => {
    process.once('message', (message: Resume) => {
      if (message.type === 'resume') resolve();
    });
  });
}

/** Runs all of it, a few at a time. */
export async function allOf(work: readonly (() => Promise<void>)[], atOnce = connectAtOnce): Promise<void> {
  const next = work.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const one of next) await one();
    }),
  );
}

/** Resolves when every send is answered and delivered everywhere, or when nothing moves any more. */
export function drain(rooms: readonly Room[]): Promise<void> {
  return settled(() => {
    let missing = 0;
    let moved = 0;
    for (const { members } of rooms) {
      const acked = sum(members, (member) => member.acked);
      for (const member of members) {
        missing += member.unanswered + Math.max(0, acked - member.delivered);
        moved += member.delivered + member.acked + member.refused;
      }
    }
    return { missing, moved };
  });
}

/** Resolves when nothing is missing, or when nothing has moved for a while. */
export async function settled(look: () => { readonly missing: number; readonly moved: number }): Promise<void> {
  let seen = -1;
  let quietSince = performance.now();
  for (;;) {
    const { missing, moved } = look();
    if (missing === 0) return;
    if (moved !== seen) quietSince = performance.now();
    else if (performance.now() - quietSince > silence) return;
    seen = moved;
    await pause(20);
  }
}

/** Judges a load from its first to its last message, after its drain. */
export function validate(rooms: readonly Room[]): Validation {
  const members = rooms.flatMap((room) => room.members);
  let missing = 0;
  let extra = 0;
  for (const room of rooms) {
    const acked = sum(room.members, (member) => member.acked);
    for (const { delivered } of room.members) {
      missing += Math.max(0, acked - delivered);
      extra += Math.max(0, delivered - acked);
    }
  }
  return {
    acked: sum(members, (member) => member.acked),
    sampled: rooms.length,
    refused: sum(members, (member) => member.refused),
    unanswered: sum(members, (member) => member.unanswered),
    missing,
    extra,
    disorder: sum(members, (member) => member.disorder),
    wrong: sum(members, (member) => member.wrong),
    broken: sum(members, (member) => member.broken),
  };
}

export function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
