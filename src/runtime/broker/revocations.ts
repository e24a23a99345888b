/**
 * Every node hears of every end of access, whichever of them runs the command: each remembers who may enter which room, and
 * must ask anew. A queue of the node's own, gone with its connection; what it missed meanwhile is not known, so after a
 * reconnect nothing remembered counts.
 */
import type { ChannelModel } from 'amqplib';
import type { RoomKey } from '../../actors/protocol/ids.js';
import { readInbound, type InboundLimits } from './inbound-command.js';
import type { BrokerPart } from './link.js';
import { declareExchange } from './topology.js';

export interface RevocationsOptions {
  readonly exchange: string;
  readonly limits: InboundLimits;
  readonly onRevoked: (key: RoomKey) => void;
  readonly onAllRevoked: () => void;
}

const bindingKeys = ['message.broadcast.member_removed', 'message.broadcast.room_deleted'];

export class Revocations implements BrokerPart {
  readonly name = 'revocations';
  readonly #options: RevocationsOptions;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  async open(model: ChannelModel, fail: (reason: string) => void): Promise<void> {
    const { exchange, limits, onRevoked, onAllRevoked } = this.#options;
    await declareExchange(model, exchange, 'topic');
    const channel = await model.createChannel();
    channel.on('error', (error: Error) => fail(error.message));
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
    for (const key of bindingKeys) await channel.bindQueue(queue, exchange, key);
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return fail('the broker cancelled a consumer');
        // What is no command is dead-lettered where it is run.
        const reading = readInbound(message.fields.routingKey, message.content, limits);
        if (reading.ok && reading.command.kind === 'evict') onRevoked(reading.command.key);
      },
      { noAck: true },
    );
    onAllRevoked();
  }

  close(): void {
    // Its queue went with the connection.
  }
}
