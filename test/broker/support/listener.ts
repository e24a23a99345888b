/** Another service on the real RabbitMQ, with names that no other test uses: it records every event and sends commands. */
import { randomUUID } from 'node:crypto';
import { connect, type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { generousMs, within } from '../../harness/eventually.js';
import type { Env } from '../../harness/service.js';

export const brokerUrl = process.env['TEST_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

/** Whether tests that need RabbitMQ can run; they are left out where there is none. One that is only slow is waited for. */
export const hasBroker = await connect(brokerUrl, { timeout: generousMs }).then(
  (model) => model.close().then(() => true),
  () => false,
);

export interface HeardEvent {
  readonly key: string;
  readonly messageId: string;
  readonly persistent: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Waiter {
  readonly matches: (event: HeardEvent) => boolean;
  readonly resolve: (event: HeardEvent) => void;
}

export class Listener {
  readonly exchange: string;
  readonly queue: string;
  /** Everything that came, in order. */
  readonly heard: HeardEvent[] = [];
  readonly #model: ChannelModel;
  readonly channel: ConfirmChannel;
  #waiters: Waiter[] = [];

  private constructor(model: ChannelModel, channel: ConfirmChannel) {
    this.#model = model;
    this.channel = channel;
    const run = randomUUID().slice(0, 8);
    this.exchange = `test.${run}.events`;
    this.queue = `test.${run}.broadcast`;
  }

  /** Listens to everything of an exchange of its own. */
  static async open(): Promise<Listener> {
    const model = await connect(brokerUrl);
    model.on('error', () => undefined);
    const listener = new Listener(model, await model.createConfirmChannel());
    const { channel, exchange } = listener;
    await channel.assertExchange(exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const pattern of ['message.room.*', 'message.direct.*', 'message.*', 'notification.#'])
      await channel.bindQueue(queue, exchange, pattern);
    await channel.consume(queue, (message) => listener.#take(message), { noAck: true });
    return listener;
  }

  /** For the service that is to speak and listen here. */
  env(url = brokerUrl): Env {
    return { RABBITMQ_URL: url, RABBITMQ_EXCHANGE: this.exchange, RABBITMQ_QUEUE: this.queue };
  }

  /** The first event, past or to come, that matches. */
  event(what: string, matches: (event: HeardEvent) => boolean): Promise<HeardEvent> {
    const known = this.heard.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    const heard = new Promise<HeardEvent>((resolve) => this.#waiters.push({ matches, resolve }));
    return within(heard, `the event ${what}`);
  }

  /** Sends a command (or rubbish); resolves once the broker has it. */
  async tell(key: string, body: unknown): Promise<void> {
    const content = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    this.channel.publish(this.exchange, key, content);
    await this.channel.waitForConfirms();
  }

  /** What lies in the dead-letter queue, oldest first; it is taken out. */
  async deadLetters(count: number): Promise<{ readonly reason: string; readonly content: string }[]> {
    const dead: { reason: string; content: string }[] = [];
    const collected = new Promise<void>((resolve) => {
      void this.channel.consume(
        `${this.queue}.dead`,
        (message) => {
          if (message === null) return;
          const headers = (message.properties.headers ?? {}) as Record<string, unknown>;
          dead.push({ reason: String(headers['x-reason']), content: message.content.toString() });
          if (dead.length === count) resolve();
        },
        { noAck: true, consumerTag: 'dead' },
      );
    });
    await within(collected, `${count} dead letters`);
    await this.channel.cancel('dead');
    return dead;
  }

  async close(): Promise<void> {
    for (const name of [this.queue, `${this.queue}.dead`]) await this.channel.deleteQueue(name);
    for (const name of [this.exchange, `${this.queue}.dead`]) await this.channel.deleteExchange(name);
    await this.#model.close();
  }

  #take(message: ConsumeMessage | null): void {
    if (message === null) return;
    const event: HeardEvent = {
      key: message.fields.routingKey,
      messageId: String(message.properties.messageId),
      persistent: message.properties.deliveryMode === 2,
      body: JSON.parse(message.content.toString()) as Record<string, unknown>,
    };
    this.heard.push(event);
    for (const waiter of this.#waiters) if (waiter.matches(event)) waiter.resolve(event);
    this.#waiters = this.#waiters.filter((waiter) => !waiter.matches(event));
  }
}

/** The message that a sent event carries. */
export function messageOf(event: HeardEvent): Readonly<Record<string, unknown>> {
  return (event.body['message'] ?? {}) as Record<string, unknown>;
}
