/** Exchanges and queues, each declared on a channel of its own: a refusal ends the channel on which it comes. */
import type { Channel, ChannelModel } from 'amqplib';
import type { Log } from '../../observe/log.js';

const preconditionFailed = 406;

export async function declareExchange(model: ChannelModel, name: string, type: 'topic' | 'fanout'): Promise<void> {
  await onChannel(model, (channel) => channel.assertExchange(name, type, { durable: true }));
}

/** A queue that is there already with other arguments (limits, a time to live) belongs to its operator and is taken as it is. */
export async function declareQueue(model: ChannelModel, name: string, log: Log): Promise<void> {
  try {
    await onChannel(model, (channel) => channel.assertQueue(name, { durable: true }));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === preconditionFailed)) throw error;
    await onChannel(model, (channel) => channel.checkQueue(name));
    log.info({ queue: name }, 'a queue has arguments of its own');
  }
}

async function onChannel(model: ChannelModel, work: (channel: Channel) => Promise<unknown>): Promise<void> {
  const channel = await model.createChannel();
  // The rejection of the call tells the same.
  channel.on('error', () => undefined);
  await work(channel);
  await channel.close();
}
