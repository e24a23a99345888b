/**
 * Publishes on one confirm channel: persistent, mandatory, in order. A batch counts as sent once the broker has confirmed all
 * of it; anything else fails the whole batch, which is then sent again with the same ids.
 */
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import type { Log } from '../../observe/log.js';
import type { IntegrationEvent } from './integration-events.js';
import { socketOf, type BrokerPart } from './link.js';

export interface PublisherOptions {
  readonly exchange: string;
  /** A broker that confirms nothing for this long is taken for dead, unless it said that it is blocked. In ms. */
  readonly stallMs: number;
  readonly log: Log;
}

/** Routing keys of which it was told that nobody listens. There are seven. */
const toldKeys = 16;
/** Longest wait for a full write buffer: `drain` may never come from a dying channel. In ms. */
const drainMs = 1_000;

/** Events written in one turn of the event loop, which sockets and frames need too. */
const eventsPerTurn = 32;

interface Batch {
  open: number;
  progress: number;
  readonly settle: (error: Error | null) => void;
}

export class Publisher implements BrokerPart {
  readonly name = 'publisher';
  readonly #options: PublisherOptions;
  #channel: ConfirmChannel | null = null;
  #fail: (reason: string) => void = () => undefined;
  #socket: Socket | null = null;
  #blocked = false;
  #batch: Batch | null = null;
  #waiting: (() => void)[] = [];
  readonly #told = new Set<string>();
  published = 0;
  returned = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Whether a batch would be taken now. */
  get ready(): boolean {
    return this.#channel !== null && !this.#blocked;
  }

  /** Resolves when a batch may be tried, or when somebody calls `release`. */
  whenReady(): Promise<void> {
    if (this.ready) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets those who wait for readiness go on: they look for themselves. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async open(model: ChannelModel, fail: (reason: string) => void): Promise<void> {
    const channel = await model.createConfirmChannel();
    channel.on('error', (error: Error) =>
      this.#options.log.warn({ err: error.message }, 'the publishing channel failed'),
    );
    channel.on('close', () => {
      if (this.#channel === channel) fail('the publishing channel was closed');
    });
    channel.on('return', (message: Message) => this.#returned(message));
    await channel.assertExchange(this.#options.exchange, 'topic', { durable: true });
    this.#fail = fail;
    this.#socket = socketOf(model);
    this.#channel = channel;
    this.release();
  }

  close(): void {
    this.#channel = null;
    this.#blocked = false;
    this.#batch?.settle(new Error('the broker connection is gone'));
  }

  blocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (!blocked) this.release();
  }

  /**
   * Resolves once the broker has confirmed every event. One batch at a time: what is in flight is bounded by it.
   * @throws Error when any of them may not have arrived
   */
  async publish(events: readonly IntegrationEvent[]): Promise<void> {
    const channel = this.#channel;
    if (channel === null) throw new Error('the broker is away');
    if (this.#batch !== null) throw new Error('publisher: one batch at a time');
    if (events.length === 0) return;
    const confirmed = new Promise<void>((resolve, reject) => {
      this.#batch = {
        open: events.length,
        progress: 0,
        settle: (error) => {
          if (error === null) resolve();
          else reject(error);
        },
      };
    });
    // Whoever waits for it comes after the last event was written, or never if writing throws.
    confirmed.catch(() => undefined);
    const watch = this.#watch();
    try {
      for (let i = 0; i < events.length; i += eventsPerTurn)
        await this.#writeTurn(channel, events.slice(i, i + eventsPerTurn));
      await confirmed;
      this.published += events.length;
    } finally {
      clearInterval(watch);
      this.#batch = null;
    }
  }

  /** Some events with one write of the socket: amqplib hands them to it in a later turn, and one by one. */
  async #writeTurn(channel: ConfirmChannel, events: readonly IntegrationEvent[]): Promise<void> {
    const socket = this.#socket;
    socket?.cork();
    let full: Promise<void> | null = null;
    try {
      for (const event of events) if (!this.#write(channel, event)) full ??= drained(channel);
      await setImmediate();
      await setImmediate();
    } finally {
      socket?.uncork();
    }
    // Heard from the start on: it may come before the turn is over.
    await full;
  }

  /** False when the write buffer is full. */
  #write(channel: ConfirmChannel, { routingKey, eventId, body }: IntegrationEvent): boolean {
    const batch = this.#batch;
    return channel.publish(
      this.#options.exchange,
      routingKey,
      Buffer.from(body),
      { persistent: true, mandatory: true, messageId: eventId, contentType: 'application/json' },
      (error: unknown) => {
        if (batch === null || batch !== this.#batch) return;
        batch.progress += 1;
        if (error !== null && error !== undefined) batch.settle(error instanceof Error ? error : new Error('refused'));
        else if (--batch.open === 0) batch.settle(null);
      },
    );
  }

  /** Ends a connection on which confirms have stopped to come. */
  #watch(): NodeJS.Timeout {
    const batch = this.#batch;
    let seen = 0;
    return setInterval(() => {
      if (batch === null || this.#blocked) return;
      if (batch.progress === seen) {
        this.#fail('the broker confirms nothing');
        batch.settle(new Error('the broker confirms nothing'));
      }
      seen = batch.progress;
    }, this.#options.stallMs);
  }

  /** Nobody has a queue for it: it counts as sent. */
  #returned(message: Message): void {
    this.returned += 1;
    const { routingKey } = message.fields;
    if (this.#told.has(routingKey) || this.#told.size >= toldKeys) return;
    this.#told.add(routingKey);
    this.#options.log.info({ routingKey }, 'no queue is bound for an integration event, it counts as sent');
  }
}

function drained(channel: ConfirmChannel): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      channel.off('drain', done);
      channel.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, drainMs);
    channel.on('drain', done);
    channel.on('close', done);
  });
}
