/**
 * Chat under way while something breaks: members of several rooms, spread over all nodes, who send, repeat, edit, delete, mark
 * as read and read the history without pause. What was not answered is repeated until it is acked.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../harness/eventually.js';
import type { WireMessage } from '../harness/wire.js';
import type { History } from './history.js';
import { Participant, seen } from './participant.js';
import type { Random } from './random.js';

export interface WorkloadOptions {
  readonly urls: readonly string[];
  readonly history: History;
  readonly random: Random;
  readonly rooms: readonly string[];
  /** Who is in which room. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  /** Who comes into which room without knowing anything of it, looks, and goes, over and over. */
  readonly guests: Readonly<Record<string, string>>;
  /** Requests under way per member. */
  readonly lanes: number;
  /** Mean pause of a lane between two requests. */
  readonly thinkMs: number;
  /** Guests at once per room. Defaults to one. */
  readonly visitors?: number;
  /** Length of messages. Defaults to a line. */
  readonly contentLength?: number;
}

/** What a member has acked and may edit, delete or repeat; the oldest are forgotten. */
interface Own {
  readonly name: string;
  readonly id: string;
  readonly content: string;
}

const ownKept = 50;
const retryMs = 25;
/** How long a guest stays. */
const visitMs = 150;
/** All that was begun must have ended by then, on however slow a machine. */
const settleMs = 120_000;

export class Workload {
  readonly participants: Participant[] = [];
  readonly #options: WorkloadOptions;
  readonly #guests = new Set<Participant>();
  #running = false;
  /** The run is over: nobody answers any more. */
  #closed = false;
  #lanes: Promise<void>[] = [];
  #names = 0;
  #acked = 0;
  readonly #ackedIn = new Map<string, number>();
  #waiters: { readonly due: () => boolean; readonly resolve: () => void }[] = [];

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Distinct messages that were acked. */
  get acked(): number {
    return this.#acked;
  }

  /** Whether something new is still begun. */
  get running(): boolean {
    return this.#running;
  }

  /** Connects and joins everybody, then begins to send. */
  async start(): Promise<void> {
    const { rooms, members, urls, history, random, lanes } = this.#options;
    const entering = rooms.flatMap((room) =>
      (members[room] ?? []).map((user, index) => {
        const participant = new Participant(user, index, { urls, history });
        this.participants.push(participant);
        return { participant, room };
      }),
    );
    await within(
      Promise.all(entering.map(({ participant, room }) => participant.enter([room]))),
      'the first joins of all members',
    );
    this.#running = true;
    history.add({ type: 'nemesis', phase: 'start', detail: 'workload' });
    for (const { participant, room } of entering) {
      const own: Own[] = [];
      for (let lane = 0; lane < lanes; lane += 1) this.#lanes.push(this.#act(participant, room, own, random.fork()));
    }
    for (const [room, guest] of Object.entries(this.#options.guests))
      for (let visitor = 0; visitor < (this.#options.visitors ?? 1); visitor += 1)
        this.#lanes.push(this.#visit(guest, room, visitor));
  }

  /** Resolves when so many more messages are acked, and at least one in every room. */
  more(count: number, ms = settleMs): Promise<void> {
    const target = this.#acked + count;
    const before = new Map(this.#ackedIn);
    const due = (): boolean =>
      this.#acked >= target &&
      this.#options.rooms.every((room) => (this.#ackedIn.get(room) ?? 0) > (before.get(room) ?? 0));
    const reached = new Promise<void>((resolve) => {
      this.#waiters.push({ due, resolve });
    });
    return within(reached, `${count} more acked messages, some in every room`, ms);
  }

  /** Begins nothing new; resolves when everything under way is acked. */
  async settle(): Promise<void> {
    this.#running = false;
    await within(Promise.all(this.#lanes), 'the end of all requests', settleMs);
    this.#options.history.add({ type: 'nemesis', phase: 'end', detail: 'workload' });
  }

  /** Resolves when every member is connected and stands at the versions given. */
  async caughtUp(versions: ReadonlyMap<string, number>, ms = 60_000): Promise<boolean> {
    const { rooms, members } = this.#options;
    const end = performance.now() + ms;
    for (;;) {
      await within(Promise.all(this.participants.map((one) => one.present())), 'the return of all members', settleMs);
      const behind = rooms.some((room) =>
        (members[room] ?? []).some((user) => {
          const participant = this.participants.find((one) => one.user === user);
          return (participant?.version(room) ?? 0) < (versions.get(room) ?? 0);
        }),
      );
      if (!behind) return true;
      if (performance.now() > end) return false;
      await pause(20);
    }
  }

  close(): void {
    this.#running = false;
    this.#closed = true;
    for (const participant of [...this.participants, ...this.#guests]) participant.close();
  }

  async #visit(guest: string, room: string, first: number): Promise<void> {
    const { urls, history } = this.#options;
    for (let visit = first; this.#running; visit += 1) {
      const participant = new Participant(guest, visit, { urls, history });
      this.#guests.add(participant);
      await participant.enter([room]);
      await pause(visitMs);
      participant.close();
      this.#guests.delete(participant);
    }
  }

  async #act(participant: Participant, room: string, own: Own[], random: Random): Promise<void> {
    const { thinkMs } = this.#options;
    while (this.#running) {
      await pause(random.next() * 2 * thinkMs);
      const draw = random.next();
      const last = own.at(-1);
      if (draw < 0.8 || last === undefined) await this.#send(participant, room, own);
      else if (draw < 0.85) await this.#repeat(participant, room, random.pick(own));
      else if (draw < 0.89) await this.#change(participant, room, 'edit', random.pick(own));
      else if (draw < 0.93) {
        const victim = random.pick(own);
        own.splice(own.indexOf(victim), 1);
        await this.#change(participant, room, 'delete', victim);
      } else if (draw < 0.97) await this.#markRead(participant, room, random.chance(0.3) ? random.pick(own) : last);
      else if (draw < 0.985) {
        await participant.present();
        await participant.rejoin(room);
      } else await participant.page(room, Math.max(0, participant.version(room) - random.between(1, 60)), 50);
    }
  }

  async #send(participant: Participant, room: string, own: Own[]): Promise<void> {
    const name = `${participant.user}:${(this.#names += 1)}`;
    const content = `message ${name} `.padEnd(this.#options.contentLength ?? 0, '.');
    const message = await this.#deliver(participant, room, name, content);
    if (message === null) return;
    own.push({ name, id: message.id, content });
    if (own.length > ownKept) own.shift();
    this.#acked += 1;
    this.#ackedIn.set(room, (this.#ackedIn.get(room) ?? 0) + 1);
    if (!this.#waiters.some(({ due }) => due())) return;
    const due = this.#waiters.filter((waiter) => waiter.due());
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }

  async #repeat(participant: Participant, room: string, own: Own): Promise<void> {
    await this.#deliver(participant, room, own.name, own.content);
  }

  /** Sends until it is acked; null when it was refused for good. */
  async #deliver(participant: Participant, room: string, name: string, content: string): Promise<WireMessage | null> {
    const { history } = this.#options;
    for (;;) {
      await participant.present();
      const { user, session } = participant;
      const op = history.invoke({ kind: 'send', user, session, room, name, content });
      const ack = await participant.ask(op, 'send_message', { room_id: room, content, client_msg_id: name });
      if (ack?.message !== undefined) {
        history.add({ type: 'ok', op, message: seen(ack.message) });
        return ack.message;
      }
      if (this.#closed || (ack !== null && ack.retryable !== true)) return null;
      if (ack !== null) await pause(retryMs);
    }
  }

  async #change(participant: Participant, room: string, kind: 'edit' | 'delete', { id, name }: Own): Promise<void> {
    const { history } = this.#options;
    for (;;) {
      await participant.present();
      const { user, session } = participant;
      const content = kind === 'edit' ? `edited ${name} ${(this.#names += 1)}` : '';
      const op = history.invoke({ kind, user, session, room, id, content });
      const data = kind === 'edit' ? { messageId: id, content } : { messageId: id, roomId: room };
      const ack = await participant.ask(op, `${kind}_message`, data);
      if (ack?.success === true) {
        const { seq = 0, version = 0 } = ack;
        const message =
          ack.message === undefined ? { id, seq, version, content: '', deleted: true } : seen(ack.message);
        history.add({ type: 'ok', op, message });
        return;
      }
      // An edit without an answer is not repeated: it may have happened, and would then happen twice.
      if (this.#closed || kind === 'edit' || (ack !== null && ack.retryable !== true)) return;
      await pause(retryMs);
    }
  }

  async #markRead(participant: Participant, room: string, { id }: Own): Promise<void> {
    await participant.present();
    const { history } = this.#options;
    const { user, session } = participant;
    const op = history.invoke({ kind: 'read', user, session, room, id });
    const ack = await participant.ask(op, 'mark_read', { messageIds: [id], roomId: room });
    if (ack?.success === true) history.add({ type: 'ok', op, ...(ack.upTo === undefined ? {} : { upTo: ack.upTo }) });
  }
}
