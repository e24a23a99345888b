/**
 * Several nodes of the ownership tests on one database, and what a router would do in front of them: each command goes to the
 * node that holds its room, and again, marked, when it moved, was refused for now, or its node died.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { uuidv7 } from 'uuidv7';
import type { Command } from '../../src/actors/protocol/commands.js';
import { rejections } from '../../src/actors/rejections.js';
import { partitionOf } from '../../src/runtime/placement.js';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';
import { prepare } from '../../src/runtime/store/migrate.js';
import { generousMs, within } from '../harness/eventually.js';
import { silent } from '../store/rooms.js';
import type { FromNode, ToNode } from './ownership-node.js';

export const partitions = 16;
const program = fileURLToPath(new URL('ownership-node.js', import.meta.url));

export interface Told {
  readonly node: string;
  readonly key: string;
  readonly packet: string;
  readonly version: number | null;
}

export interface Acked {
  /** Who answered. */
  readonly node: string;
  readonly key: string;
  readonly seq: number;
  readonly version: number;
  readonly id: string;
  readonly content: string;
}

type Outcome = Extract<FromNode, { type: 'outcome' }>['outcome'];

export class Node {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves once it is gone and all that it said was heard. */
  readonly exited: Promise<void>;
  readonly held = new Map<number, number>();
  nodes: readonly string[] = [];
  lapses = 0;
  alive = true;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    const said = new Promise((resolve) => child.once('disconnect', resolve));
    this.exited = new Promise((resolve) => child.once('exit', () => void said.then(() => resolve())));
  }

  tell(message: ToNode): void {
    if (this.child.connected) this.child.send(message);
  }
}

interface Waiting {
  readonly command: Command;
  readonly node: Node;
  readonly settle: (outcome: Outcome | null) => void;
}

export class OwnershipCluster {
  readonly nodes: Node[] = [];
  readonly told: Told[] = [];
  readonly acked: Acked[] = [];
  /** Answers that nobody waited for any more: of a node that had been given up. */
  late = 0;
  readonly #connection: ConnectionSettings;
  readonly #env: Readonly<Record<string, string>>;
  readonly #waiting = new Map<string, Waiting>();
  #watchers: (() => void)[] = [];

  constructor(connection: ConnectionSettings, env: Readonly<Record<string, string>> = {}) {
    this.#connection = connection;
    this.#env = env;
  }

  prepare(): Promise<void> {
    return prepare(this.#connection, partitions, silent);
  }

  async start(name: string, env: Readonly<Record<string, string>> = {}): Promise<Node> {
    const { host, port, user, database } = this.#connection;
    const child = fork(program, [], {
      env: {
        PATH: process.env['PATH'] ?? '',
        TEST_NODE: name,
        NODE_ENV: 'test',
        LOG_LEVEL: process.env['TEST_NODE_LOG'] ?? 'silent',
        DB_HOST: host,
        DB_PORT: String(port),
        DB_USER: user,
        DB_NAME: database,
        PARTITIONS: String(partitions),
        WORKER_THREADS: '1',
        SHARDS_PER_WORKER: '2',
        WORKER_STUCK_MS: '20000',
        CLUSTER_POLL_MS: '100',
        HANDOVER_STABLE_MS: '300',
        TAKE_OVER_STEP_MS: '200',
        REPLY_DEADLINE_MS: '30000',
        ...this.#env,
        ...env,
      },
    });
    const node = new Node(name, child);
    this.nodes.push(node);
    const started = new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromNode) => {
        if (message.type === 'started') resolve();
        this.#hear(node, message);
      });
      void node.exited.then(() => {
        this.#lost(node);
        reject(new Error(`node ${name} ended`));
      });
    });
    started.catch(() => undefined);
    await within(started, `the start of ${name}`);
    return node;
  }

  /** Resolves once it is so; looked at whenever a node says something. */
  until(such: () => boolean, what: string, ms = generousMs): Promise<void> {
    const come = new Promise<void>((resolve) => {
      const watch = (): void => {
        if (!such()) return;
        this.#watchers = this.#watchers.filter((one) => one !== watch);
        resolve();
      };
      this.#watchers.push(watch);
      watch();
    });
    return within(come, what, ms);
  }

  /** Each partition is held by exactly one of the live nodes. */
  get whole(): boolean {
    const holders = this.nodes.filter(({ alive }) => alive).flatMap(({ held }) => [...held.keys()]);
    return holders.length === partitions && new Set(holders).size === partitions;
  }

  holder(key: string): Node | undefined {
    const partition = partitionOf(key, partitions);
    return this.nodes.find(({ alive, held }) => alive && held.has(partition));
  }

  /** Sends until it is answered for good. */
  async send(key: string, content: string): Promise<Acked> {
    const id = uuidv7();
    const command: Command = {
      kind: 'send',
      id,
      key,
      content,
      clientMsgId: `client-${id}`,
      senderId: 'ann',
      senderName: 'Ann',
      senderDisplayName: null,
      receiverId: null,
      messageType: 'text',
      replyTo: null,
      metadata: null,
    };
    const { node, body } = await this.#ask(command);
    const { seq, version, id: stored } = JSON.parse(body) as { seq: number; version: number; id: string };
    const acked = { node: node.name, key, seq, version, id: stored, content };
    this.acked.push(acked);
    return acked;
  }

  async ask(command: Command): Promise<string> {
    return (await this.#ask(command)).body;
  }

  async #ask(command: Command): Promise<{ readonly node: Node; readonly body: string }> {
    for (let resent = false; ; resent = true) {
      await this.until(() => this.holder(command.key) !== undefined, `a holder of ${command.key}`);
      const node = this.holder(command.key);
      if (node === undefined) continue;
      const outcome = await new Promise<Outcome | null>((settle) => {
        this.#waiting.set(command.id, { command, node, settle });
        node.tell({ type: 'command', command, resent });
      });
      if (outcome === null) continue;
      if (outcome.ok) return { node, body: outcome.answer.body };
      if ('moved' in outcome || rejections[outcome.rejection.code].retryable) {
        // What it says of itself may be older than what it answers.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      throw new Error(`refused: ${outcome.rejection.code}`);
    }
  }

  /** Its commands are sent again to whoever holds their rooms, though it may still answer. */
  giveUp(node: Node): void {
    node.alive = false;
    for (const [id, waiting] of this.#waiting)
      if (waiting.node === node) {
        this.#waiting.delete(id);
        waiting.settle(null);
      }
    this.#look();
  }

  async close(): Promise<void> {
    for (const { child } of this.nodes) child.kill('SIGKILL');
    await Promise.all(this.nodes.map(({ exited }) => exited));
  }

  #hear(node: Node, message: FromNode): void {
    if (message.type === 'held') {
      if (message.epoch === null) node.held.delete(message.partition);
      else node.held.set(message.partition, message.epoch);
    } else if (message.type === 'nodes') node.nodes = message.nodes;
    else if (message.type === 'lapsed') node.lapses += 1;
    else if (message.type === 'told') this.told.push({ node: node.name, ...message });
    else if (message.type === 'outcome') {
      const waiting = this.#waiting.get(message.id);
      if (waiting?.node !== node) this.late += 1;
      else {
        this.#waiting.delete(message.id);
        waiting.settle(message.outcome);
      }
    }
    this.#look();
  }

  #lost(node: Node): void {
    node.held.clear();
    this.giveUp(node);
  }

  #look(): void {
    for (const watch of [...this.#watchers]) watch();
  }
}
