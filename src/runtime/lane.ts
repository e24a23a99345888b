/**
 * A shard as the main thread sees it: its mailbox and the frames in flight, which are one, or two under load.
 *
 * `open`: the host serves; a frame goes out whenever none is in flight. Half a frame or more that waits goes out beside the
 * one in flight: the shard commits one frame after the other, and has the second at hand when it is done with the first
 * instead of waiting until this thread has told everybody of it. `suspended`: the shard lost its connection and
 * takes it again; what is in flight stays there. `closed`: the host is gone; the frames that were in flight wait to be
 * sent to the next host, as `resent`, since their outcome is unknown. A frame that was in flight at two deaths is sent one
 * command at a time, to find the one that kills; a command alone at a death is answered UNAVAILABLE and dropped.
 */
import type { AnnounceCommand, Command } from '../actors/protocol/commands.js';
import { reject, type RejectionCode } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { CommandFrame, FrameReply, LaneOutcome, LaneReply } from './frames.js';
import { Mailbox, type Envelope, type MailboxBounds } from './mailbox.js';

interface Flight {
  readonly envelopes: readonly Envelope[];
  readonly resent: boolean;
  /** Hosts that died with this frame in flight. */
  readonly deaths: number;
}

export interface LaneOptions {
  readonly shard: number;
  readonly bounds: MailboxBounds;
  readonly frameMaxCommands: number;
  readonly frameMaxBytes: number;
  readonly replyDeadlineMs: number;
  readonly log: Log;
}

export class Lane {
  readonly shard: number;
  readonly #options: LaneOptions;
  readonly #mailbox: Mailbox;
  #post: ((frame: CommandFrame) => void) | null = null;
  #suspended = false;
  /** Frames to send, one at a time, before the mailbox is served: announcements and what was in flight when a host died. */
  #first: Flight[] = [];
  /** In the order in which the host has them; at most two. */
  #flights: (Flight & { readonly number: number })[] = [];
  #number = 0;
  #pumping = false;
  #idle: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.#mailbox = new Mailbox(options.bounds);
  }

  get depth(): number {
    return this.#mailbox.depth;
  }

  /** Whether a host has the shard, suspended or not. */
  get attached(): boolean {
    return this.#post !== null;
  }

  get serving(): boolean {
    return this.#post !== null && !this.#suspended;
  }

  /**
   * Queues a command, or answers OVERLOADED at once.
   * @param resent an earlier sending of it got no answer: its frame is looked up before it is decided
   */
  offer(command: Command, replyTo: LaneReply, resent = false): void {
    const deadline = performance.now() + this.#options.replyDeadlineMs;
    if (this.#mailbox.offer({ command, replyTo, deadline, resent, bytes: weigh(command) })) this.#schedule();
    else refuse({ replyTo }, 'OVERLOADED');
  }

  /** Announcements go before all that waits; there is at most one per occupied room. */
  announce(commands: readonly AnnounceCommand[]): void {
    const { frameMaxCommands } = this.#options;
    for (let i = 0; i < commands.length; i += frameMaxCommands) {
      const envelopes = commands
        .slice(i, i + frameMaxCommands)
        .map((command) => ({ command, replyTo: null, deadline: Infinity, resent: false, bytes: weigh(command) }));
      this.#first.push({ envelopes, resent: false, deaths: 0 });
    }
    this.#schedule();
  }

  /** A host serves the shard: it hears of the occupants first, then gets the frames that its predecessor died with. */
  open(post: (frame: CommandFrame) => void, announcements: readonly AnnounceCommand[]): void {
    this.#post = post;
    this.#suspended = false;
    const resent = this.#first;
    this.#first = [];
    this.announce(announcements);
    this.#first.push(...resent);
    this.#schedule();
  }

  suspend(suspended: boolean): void {
    this.#suspended = suspended;
  }

  /** The host is gone. */
  close(): void {
    this.#post = null;
    this.#first = this.#first.filter((flight) => flight.resent);
    const lost = this.#flights;
    this.#flights = [];
    this.#first.unshift(...lost.flatMap((flight) => this.#afterDeath(flight)));
  }

  /** What is sent again of a frame that was in flight at a death. */
  #afterDeath({ envelopes, deaths }: Flight): Flight[] {
    const { shard } = this;
    if (deaths === 0) return [{ envelopes, resent: true, deaths: 1 }];
    if (envelopes.length > 1) {
      this.#options.log.warn({ shard, commands: envelopes.length }, 'a frame was in flight at two deaths: sent singly');
      return envelopes.map((envelope) => ({ envelopes: [envelope], resent: true, deaths: 0 }));
    }
    const [only] = envelopes;
    this.#options.log.error(
      { shard, command: only?.command.id, kind: only?.command.kind },
      'a command ended its worker twice and is dropped',
    );
    if (only !== undefined) refuse(only, 'UNAVAILABLE');
    return [];
  }

  /** Answers everyone of the frame; the bursts are the caller's to deliver. */
  settle(reply: FrameReply): void {
    const [flight] = this.#flights;
    if (reply.number === 0 || flight === undefined || reply.number !== flight.number) return;
    this.#flights.shift();
    flight.envelopes.forEach((envelope, at) => {
      const outcome = reply.outcomes[at];
      if (outcome === undefined) refuse(envelope, 'INTERNAL');
      else answer(envelope, outcome, at);
    });
    this.#schedule();
  }

  /** Refuses what has waited too long: never sent from the mailbox, or with an outcome that does not come. */
  expire(now: number): void {
    for (const envelope of this.#mailbox.expire(now)) refuse(envelope, 'UNAVAILABLE');
    for (const { envelopes } of [...this.#flights, ...this.#first])
      for (const envelope of envelopes) if (envelope.deadline <= now) refuse(envelope, 'UNAVAILABLE');
    this.#settleIdle();
  }

  /** Resolves when nobody waits for an answer. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  /** The frame is built once all sockets of this turn of the event loop were read: that is what makes it a batch. */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#post === null) return;
    const next = this.#flights.length === 0 ? this.#next() : this.#nextBeside();
    if (next === null) return;
    const number = ++this.#number;
    this.#flights.push({ ...next, number });
    const commands = next.envelopes.map((envelope) => envelope.command);
    this.#post({ type: 'frame', shard: this.shard, number, resent: next.resent, commands });
  }

  #next(): Flight | null {
    const next = this.#first.shift() ?? this.#taken();
    if (next === null) this.#settleIdle();
    return next;
  }

  /** What goes out beside the frame in flight. A frame that was at a death has the host to itself, so that the next one tells. */
  #nextBeside(): Flight | null {
    const { frameMaxCommands } = this.#options;
    if (this.#flights.length > 1 || this.#first.length > 0 || this.#flights.some(({ resent }) => resent)) return null;
    return this.#mailbox.depth * 2 >= frameMaxCommands ? this.#taken() : null;
  }

  #taken(): Flight | null {
    const { frameMaxCommands, frameMaxBytes } = this.#options;
    const envelopes = this.#mailbox.take(frameMaxCommands, frameMaxBytes);
    return envelopes.length === 0 ? null : { envelopes, resent: envelopes.some(({ resent }) => resent), deaths: 0 };
  }

  #settleIdle(): void {
    // A frame that nobody waits for any more is the host's to finish, or to give up when it is told to stop.
    const awaited = [...this.#flights, ...this.#first].some(({ envelopes }) =>
      envelopes.some(({ replyTo }) => replyTo !== null),
    );
    if (awaited || this.#mailbox.depth > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

function answer(envelope: Pick<Envelope, 'replyTo'>, outcome: LaneOutcome, at: number): void {
  const { replyTo } = envelope;
  envelope.replyTo = null;
  replyTo?.(outcome, at);
}

function refuse(envelope: Pick<Envelope, 'replyTo'>, code: RejectionCode): void {
  answer(envelope, { ok: false, rejection: reject(code) }, 0);
}

/** What a catch-up brings may be far more than what it asks; a storm of them is put off over several frames. */
const catchUpBytes = 65_536;

/** A rough size: content dominates, everything else is about the same. */
function weigh(command: Command): number {
  if (command.kind === 'send') return 256 + command.content.length * 2 + (command.metadata?.length ?? 0);
  if (command.kind === 'edit') return 256 + command.content.length * 2;
  if (command.kind === 'mark') return 256 + command.messageIds.length * 40;
  if (command.kind === 'join' && command.since !== null) return catchUpBytes;
  if (command.kind === 'announce') return 256 + command.occupants.length * 80;
  return 256;
}
