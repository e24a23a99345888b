/**
 * A service on a database of its own, for one test file; both are gone when the file ends, however it ends. Tests of a
 * file share it and keep apart by rooms and users of their own.
 */
import { randomUUID } from 'node:crypto';
import type { TestFn } from 'ava';
import { ChatClient, type ClientOptions } from './client.js';
import { freshDatabase } from './database.js';
import { Inspector } from './inspect.js';
import { RestClient } from './rest.js';
import { RunningService, type Env } from './service.js';

export class Stage {
  readonly #closers: (() => unknown)[] = [];
  #service: RunningService | undefined;
  /** The database's settings, as the service gets them. */
  databaseEnv: Env = {};

  get service(): RunningService {
    if (this.#service === undefined) throw new Error('the stage is not set');
    return this.#service;
  }

  get url(): string {
    return this.service.url;
  }

  async open(env: Env, nodeArguments: readonly string[] = []): Promise<void> {
    const database = await freshDatabase();
    this.defer(() => database.drop());
    this.databaseEnv = database.env;
    const service = await RunningService.start({ ...database.env, ...env }, nodeArguments);
    this.#service = service;
    this.defer(() => service.kill9());
  }

  /** Something to end when the stage is struck, latest first. */
  defer(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** A client that is closed with the stage. */
  async client(userId: string, options?: ClientOptions): Promise<ChatClient> {
    const client = await ChatClient.connect(this.url, userId, options);
    this.defer(() => {
      client.close();
    });
    return client;
  }

  /** A client that has joined a room. */
  async member(userId: string, roomId: string, options?: ClientOptions): Promise<ChatClient> {
    const client = await this.client(userId, options);
    await client.join(roomId);
    return client;
  }

  rest(userId: string, token?: string | null): RestClient {
    return new RestClient(this.url, userId, token);
  }

  async inspector(): Promise<Inspector> {
    const inspector = await Inspector.open(this.databaseEnv);
    this.defer(() => inspector.close());
    return inspector;
  }

  async strike(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    this.#closers.length = 0;
  }
}

/** Sets a stage before a file's tests and strikes it after them. */
export function stageFor(test: TestFn, env: Env = {}, nodeArguments: readonly string[] = []): Stage {
  const stage = new Stage();
  test.serial.before(() => stage.open(env, nodeArguments));
  test.after.always(() => stage.strike());
  return stage;
}

/** A stage for a single test, struck with it; for tests that stop or kill the service. */
export async function ownStage(
  t: { teardown(close: () => Promise<void>): void },
  env: Env = {},
  nodeArguments: readonly string[] = [],
): Promise<Stage> {
  const stage = new Stage();
  t.teardown(() => stage.strike());
  await stage.open(env, nodeArguments);
  return stage;
}

let count = 0;
const run = randomUUID().slice(0, 8);

/** A name that no other test uses. */
export function unique(prefix: string): string {
  count += 1;
  return `${prefix}-${run}-${count}`;
}
