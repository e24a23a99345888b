/** Several real nodes on one database and one Redis. */
import { randomUUID } from 'node:crypto';
import { ChatClient } from '../../harness/client.js';
import { freshDatabase } from '../../harness/database.js';
import { eventually } from '../../harness/eventually.js';
import { metricOf } from '../../harness/metrics.js';
import { RestClient } from '../../harness/rest.js';
import { RunningService, type Env } from '../../harness/service.js';

interface Test {
  teardown(close: () => void | Promise<void>): void;
}

const settings: Env = {
  PARTITIONS: '16',
  WORKER_THREADS: '1',
  SHARDS_PER_WORKER: '2',
  REDIS_HOST: '127.0.0.1',
  HANDOVER_STABLE_MS: '200',
  CLUSTER_POLL_MS: '100',
  REPLY_DEADLINE_MS: '20000',
};

export class Nodes {
  readonly services: RunningService[] = [];
  readonly env: Env;

  private constructor(env: Env) {
    this.env = env;
  }

  static async start(t: Test, count: number, env: Env = {}): Promise<Nodes> {
    const database = await freshDatabase();
    t.teardown(() => database.drop());
    const nodes = new Nodes({ ...settings, ...database.env, REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}`, ...env });
    t.teardown(async () => {
      await Promise.all(nodes.services.map((service) => service.kill9()));
    });
    for (let i = 0; i < count; i++) await nodes.add();
    return nodes;
  }

  async add(): Promise<RunningService> {
    const service = await RunningService.start(this.env);
    this.services.push(service);
    return service;
  }

  at(i: number): RunningService {
    const service = this.services[i];
    if (service === undefined) throw new Error(`there is no node ${i}`);
    return service;
  }

  async client(t: Test, node: number, userId: string): Promise<ChatClient> {
    const client = await ChatClient.connect(this.at(node).url, userId);
    t.teardown(() => client.close());
    return client;
  }

  async member(t: Test, node: number, userId: string, roomId: string): Promise<ChatClient> {
    const client = await this.client(t, node, userId);
    await client.join(roomId);
    return client;
  }

  rest(node: number, userId: string): RestClient {
    return new RestClient(this.at(node).url, userId);
  }

  /** A number of one node's metrics. */
  metric(node: number, name: string): Promise<number> {
    return metricOf(this.at(node).url, name);
  }

  /** Resolves once every one of these nodes holds some partitions, and all of them together all. */
  async shared(which: readonly number[]): Promise<void> {
    await eventually(async () => {
      const held = await Promise.all(which.map((node) => this.metric(node, 'cluster_partitions_held')));
      return held.every((count) => count > 0) && held.reduce((sum, count) => sum + count, 0) === 16;
    }, 'the partitions shared between the nodes');
  }
}
