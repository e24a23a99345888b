/** Redis and RabbitMQ for a measurement: names of its own in them, and nothing left behind. */
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import { givenNeighbours } from '../environment.js';

/** A server that the service is given, and how to get rid of what it wrote there. */
export interface Broker {
  readonly settings: Readonly<Record<string, string>>;
  readonly clean: () => Promise<void>;
}

/** @param name of all that is created */
export function rabbit(name: string): Broker {
  const { rabbitmq: url } = givenNeighbours();
  return {
    settings: { RABBITMQ_URL: url, RABBITMQ_EXCHANGE: name, RABBITMQ_QUEUE: name },
    clean: async () => {
      const connection = await connect(url);
      try {
        const channel = await connection.createChannel();
        for (const each of [name, `${name}.dead`]) {
          await channel.deleteQueue(each);
          await channel.deleteExchange(each);
        }
      } finally {
        await connection.close();
      }
    },
  };
}

/** @param name prefixes all that is written */
export function redis(name: string): Broker {
  const { host, port } = givenNeighbours().redis;
  return {
    settings: { REDIS_HOST: host, REDIS_PORT: String(port), REDIS_PREFIX: name },
    clean: () => removeKeys(name),
  };
}

async function removeKeys(prefix: string): Promise<void> {
  const client = new Redis({ ...givenNeighbours().redis, lazyConnect: true });
  client.on('error', (error: Error) => {
    console.error(`bench: ${error.message}`);
  });
  await client.connect();
  try {
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 500 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await client.unlink(...keys);
  } finally {
    await client.quit();
  }
}
