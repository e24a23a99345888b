/** The servers and the service processes of one run, all its own: database, Redis, a proxied RabbitMQ, a Chat Room Service. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChatRooms, type Neighbour } from '../harness/neighbour.js';
import { RunningService, type Env } from '../harness/service.js';
import type { History } from './history.js';
import { Proxy } from './proxy.js';
import { PostgresServer } from './servers/postgres.js';
import { RabbitServer } from './servers/rabbitmq.js';
import { RedisServer } from './servers/redis.js';

export interface WorldOptions {
  readonly folder: string;
  readonly history: History;
  readonly nodes: number;
  readonly redis: boolean;
  readonly rabbit: boolean;
  /** Whether each node reaches Postgres and Redis through proxies of its own. */
  readonly proxied: boolean;
  readonly members: Map<string, readonly string[]>;
  readonly env: Env;
  readonly nodeArguments: readonly string[];
}

/** A service process and its own ways to the servers. */
export interface Node {
  readonly service: RunningService;
  /** Null where the run has no proxies. */
  readonly postgres: Proxy | null;
  readonly redis: Proxy | null;
}

/** Defaults of the product, but for what a shared machine would turn into faults of its own. */
const settings: Env = {
  REPLY_DEADLINE_MS: '10000',
  FRAME_DEADLINE_MS: '5000',
  WORKER_STUCK_MS: '3000',
  DB_POOL_SIZE: '4',
};

export class World {
  readonly nodes: Node[] = [];
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | null;
  readonly rabbit: RabbitServer | null;
  readonly rooms: Neighbour;
  readonly #options: WorldOptions;

  private constructor(
    options: WorldOptions,
    postgres: PostgresServer,
    redis: RedisServer | null,
    rabbit: RabbitServer | null,
    rooms: Neighbour,
  ) {
    this.#options = options;
    this.postgres = postgres;
    this.redis = redis;
    this.rabbit = rabbit;
    this.rooms = rooms;
  }

  static async open(options: WorldOptions): Promise<World> {
    const { folder, history } = options;
    mkdirSync(folder, { recursive: true });
    const world = new World(
      options,
      await PostgresServer.create(folder),
      options.redis ? await RedisServer.create(folder) : null,
      options.rabbit ? await RabbitServer.create(history) : null,
      await openChatRooms(options.members),
    );
    try {
      for (let node = 0; node < options.nodes; node += 1) world.nodes.push(await world.#startNode());
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  get urls(): string[] {
    return this.nodes.map(({ service }) => service.url);
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** The nodes that have ended, and how. */
  get ended(): string[] {
    return this.nodes.flatMap(({ service: { ended } }, index) =>
      ended === null ? [] : [`node ${index} has ended (${ended.code ?? ended.signal})`],
    );
  }

  /** What the present life of each node printed, into the folder. */
  keepLogs(): void {
    for (const [index, { service }] of this.nodes.entries())
      writeFileSync(join(this.#options.folder, `node-${index}.log`), service.output.text);
  }

  async close(): Promise<void> {
    for (const { service } of this.nodes) {
      service.signal('SIGCONT');
      await service.kill9();
    }
    for (const { postgres, redis } of this.nodes) {
      await postgres?.close();
      await redis?.close();
    }
    await this.rabbit?.close();
    await this.redis?.stop();
    await this.postgres.stop('immediate');
    await this.rooms.close();
    rmSync(join(this.#options.folder, 'postgres'), { recursive: true, force: true });
  }

  async #startNode(): Promise<Node> {
    const { proxied, env, nodeArguments } = this.#options;
    const postgres = proxied ? await Proxy.open({ path: this.postgres.path }) : null;
    const redis =
      proxied && this.redis !== null ? await Proxy.open({ host: '127.0.0.1', port: this.redis.port }) : null;
    const redisPort = redis?.port ?? this.redis?.port;
    const service = await RunningService.start(
      {
        ...settings,
        ...this.postgres.env(postgres?.port),
        ...(redisPort === undefined ? {} : { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redisPort) }),
        ...this.rabbit?.env,
        CHAT_ROOM_SERVICE_URL: this.rooms.url,
        ...env,
      },
      nodeArguments,
    );
    return { service, postgres, redis };
  }
}
