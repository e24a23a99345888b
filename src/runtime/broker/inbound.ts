/**
 * Commands of other services: taken from the durable queue, run through the same actors as everybody's, and acknowledged
 * once these have answered. At least once, and repeating changes nothing: watermarks only grow, a deleted message stays
 * deleted, a removal removes whoever is there.
 *
 * | what happens | the message |
 * |---|---|
 * | applied, or nothing left to do | acked |
 * | refused for good (absent, not the sender) | acked, counted |
 * | refused for now (store away, partition moving, overload) | kept unacked and tried again, ever more slowly; given up after `attempts` to the dead letters |
 * | malformed, unknown key, oversized, wrong types, or a refusal that must not be | to the dead letters with the reason |
 * | the connection or the process dies | redelivered by the broker |
 *
 * Bounded by the prefetch: while that many are at work, the broker sends no more.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Command } from '../../actors/protocol/commands.js';
import { directUsers, type RoomKey } from '../../actors/protocol/ids.js';
import { rejections, type Rejection } from '../../actors/rejections.js';
import type { Log } from '../../observe/log.js';
import type { Rooms } from '../rooms.js';
import type { ReadStore } from '../store/port.js';
import { readInbound, type InboundCommand, type InboundLimits } from './inbound-command.js';
import type { BrokerPart } from './link.js';
import { declareExchange, declareQueue } from './topology.js';

export interface InboundOptions {
  readonly exchange: string;
  readonly queue: string;
  readonly prefetch: number;
  readonly limits: InboundLimits;
  readonly rooms: Pick<Rooms, 'ask'>;
  readonly reads: Pick<ReadStore, 'locate'>;
  /** Access to a room ended: whoever remembers who may enter must ask anew. */
  readonly onRevoked: (key: RoomKey) => void;
  /** Ids of commands: UUID v7. */
  readonly newId: () => string;
  readonly log: Log;
}

type End = 'applied' | 'refused' | 'later' | { readonly dead: string };

const bindingKey = 'message.broadcast.#';
/** With the pauses below this is about ten minutes, a third of what a broker waits for an ack by default. */
const attempts = 25;
const firstPauseMs = 100;
const longestPauseMs = 30_000;

export class Inbound implements BrokerPart {
  readonly name = 'inbound';
  readonly #options: InboundOptions;
  #channel: ConfirmChannel | null = null;
  /** Ends the waiting of everything that came over the present channel. */
  #closing = new AbortController();
  readonly counts = { applied: 0, refused: 0, dead: 0, retried: 0 };

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  async open(model: ChannelModel, fail: (reason: string) => void): Promise<void> {
    const { exchange, queue, prefetch, log } = this.#options;
    const dead = deadName(queue);
    await declareExchange(model, exchange, 'topic');
    await declareExchange(model, dead, 'fanout');
    await declareQueue(model, queue, log);
    await declareQueue(model, dead, log);
    const channel = await model.createConfirmChannel();
    channel.on('error', (error: Error) => log.warn({ err: error.message }, 'the consuming channel failed'));
    channel.on('close', () => {
      if (this.#channel === channel) fail('the consuming channel was closed');
    });
    await channel.bindQueue(dead, dead, '');
    await channel.bindQueue(queue, exchange, bindingKey);
    await channel.prefetch(prefetch);
    this.#closing = new AbortController();
    const { signal } = this.#closing;
    this.#channel = channel;
    await channel.consume(queue, (message) => {
      if (message === null) return fail('the broker cancelled the consumer');
      this.#take(channel, message, signal).catch((error: unknown) => {
        // Not acked: the broker delivers it again over the next connection.
        log.error({ err: error, routingKey: message.fields.routingKey }, 'an inbound message was not handled');
        fail('an inbound message was not handled');
      });
    });
  }

  /** What was not acked yet is delivered again, to whichever node. */
  close(): void {
    this.#channel = null;
    this.#closing.abort();
  }

  async #take(channel: ConfirmChannel, message: ConsumeMessage, signal: AbortSignal): Promise<void> {
    const reading = readInbound(message.fields.routingKey, message.content, this.#options.limits);
    const end = reading.ok ? await this.#work(reading.command, signal) : ({ dead: reading.reason } as const);
    if (signal.aborted || end === 'later') return;
    if (typeof end === 'string') {
      this.counts[end] += 1;
      channel.ack(message);
      return;
    }
    await this.#bury(channel, message, end.dead);
    if (signal.aborted) return;
    this.counts.dead += 1;
    channel.ack(message);
  }

  /** Tries until it is done, or the channel ends (`later`). */
  async #work(command: InboundCommand, signal: AbortSignal): Promise<End> {
    // Removals keep their id over all tries, so that one of which the answer was lost is recognised.
    const id = this.#options.newId();
    let pauseMs = firstPauseMs;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const end = await this.#try(command, id);
      if (end !== 'later') return end;
      if (attempt >= attempts) return { dead: 'not possible for too long' };
      this.counts.retried += 1;
      await wait(pauseMs / 2 + (Math.random() * pauseMs) / 2, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
    return 'later';
  }

  async #try(command: InboundCommand, id: string): Promise<End> {
    let commands: readonly Command[];
    try {
      commands = await this.#commands(command, id);
    } catch (error) {
      this.#options.log.debug({ err: String(error) }, 'an inbound command waits for the store');
      return 'later';
    }
    if (command.kind === 'evict') this.#options.onRevoked(command.key);
    const outcomes = await Promise.all(commands.map((each) => this.#options.rooms.ask(each)));
    let applied = false;
    for (const outcome of outcomes) {
      if (outcome.ok) applied = true;
      else {
        const end = meaning(outcome.rejection);
        if (end !== 'refused') return end;
      }
    }
    if (!applied) this.#options.log.debug({ kind: command.kind }, 'an inbound command concerns nothing that is there');
    return applied ? 'applied' : 'refused';
  }

  async #commands(command: InboundCommand, id: string): Promise<readonly Command[]> {
    switch (command.kind) {
      case 'evict':
        return [{ kind: 'evict', key: command.key, id, userId: command.userId }];
      case 'delete': {
        const { userId, messageId } = command;
        const keys = command.key === null ? [...(await this.#find([messageId], userId)).keys()] : [command.key];
        return keys.map((key) => ({ kind: 'delete', key, id, userId, messageId }));
      }
      case 'mark': {
        const { level, userId, messageIds } = command;
        const named: ReadonlyMap<RoomKey, readonly string[]> =
          command.key === null ? await this.#find(messageIds, userId) : new Map([[command.key, messageIds]]);
        return [...named].map(([key, ids]) => ({
          kind: 'mark',
          key,
          id: this.#options.newId(),
          level,
          userId,
          messageIds: ids,
          upTo: null,
        }));
      }
    }
  }

  /** Ids by the conversation they are in; a direct one of two others does not concern the user. */
  async #find(ids: readonly string[], userId: string): Promise<Map<RoomKey, string[]>> {
    const found = new Map<RoomKey, string[]>();
    for (const { id, key } of await this.#options.reads.locate(ids)) {
      const users = directUsers(key);
      if (users !== null && !users.includes(userId)) continue;
      const list = found.get(key);
      if (list === undefined) found.set(key, [id]);
      else list.push(id);
    }
    return found;
  }

  /** Resolves once the broker has it among the dead letters. */
  async #bury(channel: ConfirmChannel, message: ConsumeMessage, reason: string): Promise<void> {
    const { queue, exchange, log } = this.#options;
    const { routingKey } = message.fields;
    const { messageId } = message.properties as { readonly messageId?: unknown };
    log.warn({ routingKey, bytes: message.content.byteLength, reason }, 'an inbound message went to the dead letters');
    await new Promise<void>((resolve, reject) => {
      channel.publish(
        deadName(queue),
        routingKey,
        message.content,
        {
          persistent: true,
          headers: { 'x-reason': reason, 'x-exchange': exchange, 'x-routing-key': routingKey },
          ...(typeof messageId === 'string' ? { messageId } : {}),
        },
        (error: unknown) => {
          if (error === null || error === undefined) resolve();
          else reject(error instanceof Error ? error : new Error('the dead letter was refused'));
        },
      );
    });
  }
}

/** The exchange and the queue of messages that could not be handled. */
export function deadName(queue: string): string {
  return `${queue}.dead`;
}

function meaning({ code }: Rejection): End {
  if (rejections[code].retryable) return 'later';
  return code === 'NOT_FOUND' || code === 'FORBIDDEN' ? 'refused' : { dead: `refused: ${code}` };
}
