/** Integration events of the layered service: persistent, to a durable topic exchange, each confirmed by the broker. */
import { connect } from 'amqplib';

/** The queue that is bound to the exchange has no consumer, which spares this server's broker; it keeps the newest. */
const queueLength = 10_000;
/** Ends a queue that nobody has removed, and with it the exchange, such as those of a process that was killed. In ms. */
const unusedMs = 30 * 60_000;

export interface Events {
  /** Resolves when the broker has confirmed it. @throws Error when it has not */
  publish(routingKey: string, body: object): Promise<void>;
  /** Removes the exchange and the queue. */
  close(): Promise<void>;
}

/** @param name of the exchange and of the queue */
export async function openEvents(url: string, name: string): Promise<Events> {
  const connection = await connect(url);
  connection.on('error', (error) => {
    console.error(error instanceof Error ? error.message : error);
  });
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(name, 'topic', { durable: true, autoDelete: true });
  await channel.assertQueue(name, {
    durable: true,
    arguments: { 'x-max-length': queueLength, 'x-expires': unusedMs },
  });
  for (const pattern of ['message.#', 'notification.#']) await channel.bindQueue(name, name, pattern);
  return {
    publish: (routingKey, body) =>
      new Promise((resolve, reject) => {
        channel.publish(
          name,
          routingKey,
          Buffer.from(JSON.stringify(body)),
          { persistent: true, contentType: 'application/json' },
          (error: unknown) => {
            if (error === null || error === undefined) resolve();
            else reject(error instanceof Error ? error : new Error('the broker refused a message'));
          },
        );
      }),
    async close() {
      await channel.deleteQueue(name);
      await channel.deleteExchange(name);
      await connection.close();
    },
  };
}
