/** One run: a fresh world, members at work, the nemesis, quiet, the store's last word, the verdict. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.js';
import { judge } from './check/judge.js';
import type { Violation } from './check/evidence.js';
import { figuresOf, type Figures } from './figures.js';
import { History } from './history.js';
import type { Nemesis } from './nemeses/nemesis.js';
import { Random } from './random.js';
import { Workload } from './workload.js';
import { World } from './world.js';
import { Participant } from './participant.js';

export interface RunOptions {
  readonly nemesis: Nemesis;
  readonly seed: number;
  /** How often a repeatable fault strikes. */
  readonly rounds: number;
  /** The run goes on until so many messages are acked. */
  readonly leastAcked: number;
  /** Where the history and the logs of the services go. */
  readonly folder: string;
}

export interface Outcome {
  readonly nemesis: string;
  readonly seed: number;
  readonly history: string;
  readonly violations: readonly Violation[];
  readonly figures: Figures;
  /** Why the run did not come to its end; null when it did. */
  readonly failure: string | null;
  /** Figures beyond the bounds of the nemesis, in words. */
  readonly late: readonly string[];
  readonly seconds: number;
}

const roomCount = 4;
const membersPerRoom = 3;
const stranger = 'stranger';

export async function run(options: RunOptions): Promise<Outcome> {
  const { nemesis, seed, folder } = options;
  const begun = performance.now();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'history.ndjson');
  const history = new History(path);
  const random = new Random(seed);
  const rooms = Array.from({ length: roomCount }, (_, index) => `chaos-${seed}-${index}`);
  const members = Object.fromEntries(
    rooms.map((room) => [room, Array.from({ length: membersPerRoom }, (_, index) => `${room}-user${index}`)]),
  );
  const guests = Object.fromEntries(rooms.map((room) => [room, `${room}-guest`]));
  const { name, nodes, rabbit = false } = nemesis;
  history.add({ type: 'run', nemesis: name, seed, nodes, members, guests, integration: rabbit });
  // Who reads nothing is a member, too, but nobody of whom anything is expected.
  const memberships = new Map(
    rooms.map((room) => [room, [...(members[room] ?? []), `${room}-guest`, `slow-a-${room}`, `slow-b-${room}`]]),
  );
  let failure: string | null = null;
  let world: World | null = null;
  let workload: Workload | null = null;
  try {
    world = await World.open({
      folder,
      history,
      nodes,
      redis: nemesis.redis ?? false,
      rabbit,
      proxied: nemesis.proxied ?? false,
      members: memberships,
      env: nemesis.env ?? {},
      nodeArguments: nemesis.nodeArguments ?? [],
    });
    workload = new Workload({
      urls: world.urls,
      history,
      random: random.fork(),
      rooms,
      members,
      guests,
      lanes: 2,
      thinkMs: 20,
      ...nemesis.workload,
    });
    await workload.start();
    const intruder = intrude(world.urls, history, rooms);
    await nemesis.strike({
      world,
      memberships,
      workload,
      history,
      random: random.fork(),
      rooms,
      rounds: options.rounds,
    });
    if (workload.acked < options.leastAcked) await workload.more(options.leastAcked - workload.acked);
    await workload.settle();
    (await intruder).close();
    await conclude(world, workload, history, rooms);
  } catch (error) {
    failure = [error instanceof Error ? error.message : String(error), ...(world?.ended ?? [])].join(', ');
  }
  workload?.close();
  world?.keepLogs();
  await world?.close();
  await history.close();
  let violations: readonly Violation[] = [];
  try {
    violations = judge(history.entries);
  } catch (error) {
    failure ??= error instanceof Error ? error.message : String(error);
  }
  // A run that broke off has no store to compare with: what is missing then is no finding.
  if (failure !== null) violations = violations.filter(({ fault }) => fault !== 'lost' && fault !== 'hole');
  const figures = figuresOf(history.entries, violations);
  return {
    nemesis: name,
    seed,
    history: path,
    violations,
    figures,
    failure,
    late: lateness(nemesis, figures),
    seconds: Math.round((performance.now() - begun) / 1000),
  };
}

/** Somebody who is no member tries every room once, and stays connected to hear what should not be heard. */
async function intrude(urls: readonly string[], history: History, rooms: readonly string[]): Promise<Participant> {
  const participant = new Participant(stranger, 0, { urls, history });
  await participant.enter([]);
  for (const room of rooms) {
    const { user, session } = participant;
    const join = history.invoke({ kind: 'join', user, session, room });
    const ack = await participant.ask(join, 'join_room', { roomId: room });
    if (ack?.success === true) history.add({ type: 'ok', op: join });
    await participant.page(room, 0, 50);
  }
  return participant;
}

/** Waits until everybody has everything, or plainly will not, and writes down the store. */
async function conclude(world: World, workload: Workload, history: History, rooms: readonly string[]): Promise<void> {
  const { postgres, rabbit } = world;
  await postgres.answering();
  const heads = await postgres.query<{ room_key: string; seq: number; version: number }>(
    'select room_key, last_seq::int as seq, last_version::int as version from rooms where room_key = any($1)',
    [rooms],
  );
  await workload.caughtUp(new Map(heads.map(({ room_key, version }) => [room_key, version])));
  if (rabbit !== null)
    await relayed(
      history,
      heads.reduce((sum, { seq }) => sum + seq, 0),
    );
  for (const { room_key, seq, version } of heads) history.add({ type: 'stored_room', room: room_key, seq, version });
  const messages = await postgres.query<{
    room_key: string;
    sender_id: string;
    client_msg_id: string | null;
    id: string;
    seq: number;
    version: number;
    content: string;
    deleted: boolean;
  }>(
    `select room_key, sender_id, client_msg_id, id, seq::int as seq, version::int as version, content, deleted_at is not null as deleted
     from messages where room_key = any($1) order by room_key, messages.seq`,
    [rooms],
  );
  for (const { room_key, sender_id, client_msg_id, ...message } of messages)
    history.add({ type: 'stored', room: room_key, sender: sender_id, name: client_msg_id, message });
  const removals = await postgres.query<{ room_key: string; user_id: string | null; version: number }>(
    'select room_key, user_id, version::int as version from room_removals where room_key = any($1)',
    [rooms],
  );
  for (const { room_key, user_id, version } of removals)
    history.add({ type: 'stored_removal', room: room_key, user: user_id, version });
  const marks = await postgres.query<{ room_key: string; user_id: string; delivered: number; read: number }>(
    'select room_key, user_id, delivered_seq::int as delivered, read_seq::int as read from receipts where room_key = any($1)',
    [rooms],
  );
  for (const { room_key, user_id, delivered, read } of marks)
    history.add({ type: 'stored_receipt', room: room_key, user: user_id, delivered, read });
}

/** Waits for the integration events of all messages; what does not come is for the verdict to tell. */
async function relayed(history: History, messages: number): Promise<void> {
  const arrived = (): boolean => {
    const ids = new Set<string>();
    for (const entry of history.entries)
      if (entry.type === 'integration' && entry.key === 'message.room.sent') ids.add(entry.eventId);
    return ids.size >= messages;
  };
  await eventually(() => Promise.resolve(arrived()), 'the integration events').catch(() => undefined);
}

function lateness({ bounds = {}, refusesNothing = false }: Nemesis, figures: Figures): string[] {
  const late: string[] = [];
  for (const [name, bound] of Object.entries(bounds) as [keyof typeof bounds, number][]) {
    const value = figures[name];
    if (value !== null && value > bound) late.push(`${name} ${value}, to be at most ${bound}`);
  }
  if (refusesNothing && figures.refused > 0) late.push(`${figures.refused} requests were refused`);
  return late;
}
