/** Redis and RabbitMQ beside the bench: whether they can be reached, and which versions they are. */
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import { givenNeighbours, type Neighbours } from './environment.js';

const patienceMs = 5_000;

export type Found =
  { readonly ok: true; readonly description: string } | { readonly ok: false; readonly reason: string };

/** Talks to both once; never rejects. */
export async function describeNeighbours(): Promise<Found> {
  const neighbours = givenNeighbours();
  try {
    const [redis, rabbitmq] = await Promise.all([describeRedis(neighbours), describeRabbitmq(neighbours)]);
    return { ok: true, description: `Redis ${redis}, RabbitMQ ${rabbitmq}` };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function describeRedis({ redis: { host, port } }: Neighbours): Promise<string> {
  const client = new Redis({
    host,
    port,
    lazyConnect: true,
    connectTimeout: patienceMs,
    commandTimeout: patienceMs,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'of unknown version';
  } catch (error) {
    throw new Error(`no Redis at ${host}:${port}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

async function describeRabbitmq({ rabbitmq }: Neighbours): Promise<string> {
  try {
    const connection = await connect(rabbitmq, { timeout: patienceMs });
    connection.on('error', () => undefined);
    const { version } = connection.connection.serverProperties;
    await connection.close();
    return version;
  } catch (error) {
    // The URL may hold a password.
    throw new Error(`no RabbitMQ at ${URL.canParse(rabbitmq) ? new URL(rabbitmq).host : 'BENCH_RABBITMQ_URL'}`, {
      cause: error,
    });
  }
}
