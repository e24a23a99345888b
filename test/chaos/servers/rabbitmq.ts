/**
 * The RabbitMQ server of this machine, through a proxy that can take it away, and a consumer beside the proxy that notes every
 * integration event. Exchange and queue have names of the run's own and go with it.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { connect, type Channel, type ChannelModel } from 'amqplib';
import type { Env } from '../../harness/service.js';
import type { History } from '../history.js';
import { Proxy } from '../proxy.js';

const server = { host: '127.0.0.1', port: 5672 } as const;

/** Whether a RabbitMQ server listens here. */
export function hasRabbit(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(server.port, server.host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

interface Body {
  readonly eventId?: string;
  readonly message?: {
    readonly id?: string;
    readonly room_id?: string | null;
    readonly seq?: number;
    readonly content?: string;
  };
}

export class RabbitServer {
  readonly proxy: Proxy;
  readonly exchange = `chaos.${randomBytes(6).toString('hex')}`;
  readonly #connection: ChannelModel;
  readonly #channel: Channel;

  private constructor(proxy: Proxy, connection: ChannelModel, channel: Channel) {
    this.proxy = proxy;
    this.#connection = connection;
    this.#channel = channel;
  }

  static async create(history: History): Promise<RabbitServer> {
    const connection = await connect(`amqp://guest:guest@${server.host}:${server.port}`);
    connection.on('error', () => undefined);
    const channel = await connection.createChannel();
    const rabbit = new RabbitServer(await Proxy.open(server), connection, channel);
    await channel.assertExchange(rabbit.exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, rabbit.exchange, '#');
    await channel.consume(
      queue,
      (delivery) => {
        if (delivery === null) return;
        const { eventId = '', message } = JSON.parse(delivery.content.toString()) as Body;
        history.add({
          type: 'integration',
          key: delivery.fields.routingKey,
          eventId,
          room: message?.room_id ?? null,
          id: message?.id ?? null,
          seq: message?.seq ?? null,
          content: message?.content ?? null,
        });
      },
      { noAck: true },
    );
    return rabbit;
  }

  get env(): Env {
    return {
      RABBITMQ_URL: `amqp://guest:guest@127.0.0.1:${this.proxy.port}`,
      RABBITMQ_EXCHANGE: this.exchange,
      RABBITMQ_QUEUE: `${this.exchange}.broadcast`,
    };
  }

  /** Sends the service a command, as its neighbours do. */
  publish(key: string, body: unknown): void {
    this.#channel.publish(this.exchange, key, Buffer.from(JSON.stringify(body)), { persistent: true });
  }

  async close(): Promise<void> {
    await this.#channel.deleteQueue(`${this.exchange}.broadcast`).catch(() => undefined);
    await this.#channel.deleteQueue(`${this.exchange}.broadcast.dead`).catch(() => undefined);
    await this.#channel.deleteExchange(this.exchange).catch(() => undefined);
    await this.#connection.close().catch(() => undefined);
    await this.proxy.close();
  }
}
