/**
 * Presence over all nodes, kept in Redis: which nodes a user has sockets at, and the latest heartbeats and logouts. Each node
 * shows that it lives; the users of one that does not any more are swept by another, and count for nothing until then.
 *
 * What changes here is written in batches, one at a time; while one is on its way a user waits once, with the newest state.
 * Whether a change is the first or the last socket over all nodes is what Redis answers. While Redis does not answer, this
 * node's own knowledge is reported; when it does again, everything of this node is written anew.
 *
 * Bounds: as many users wait as have changed, at most those with sockets here and `marksWaiting` with a heartbeat or logout.
 */
import type { Log } from '../../observe/log.js';
import { FailureLog, describe } from '../failures.js';
import type { Status } from './reporter.js';
import * as scripts from './scripts.js';

/** As much of a Redis client as is needed; commands reject when they are not answered soon. */
export interface RegistryClient {
  connect(): Promise<void>;
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  disconnect(): void;
}

export interface RegistrySettings {
  readonly client: RegistryClient;
  /** Begins every key of the deployment. */
  readonly prefix: string;
  readonly node: string;
  /** Milliseconds between two signs of life; three missed ones are a dead node. Defaults to 3000. */
  readonly beatMs?: number;
}

export interface RegistryOptions extends RegistrySettings {
  readonly presenceTtlMs: number;
  /** Users with a socket here. */
  readonly users: () => Iterable<string>;
  readonly isHere: (userId: string) => boolean;
  /** Called for a user's first and last socket over all nodes. */
  readonly onStatus: (userId: string, status: Status) => void;
  readonly log: Log;
}

type Mark = 'seen' | 'out';

const defaultBeatMs = 3_000;
const beatsMissed = 3;
const sweepMs = 30_000;
/** Users in one script. */
const atOnce = 200;
/** Entries of users expire by themselves so late that a live node has written them again. */
const keptMs = 24 * 3_600_000;
const rewriteMs = keptMs / 4;
const marksWaiting = 10_000;
/** Users who were told to be offline while nobody knew; over it the oldest are forgotten. */
const unsureKept = 10_000;
/** How long a stop waits for Redis. */
const stopMs = 1_000;

export class PresenceRegistry {
  readonly #options: RegistryOptions;
  readonly #prefix: string;
  readonly #beatMs: number;
  readonly #failures: FailureLog;
  #changed = new Set<string>();
  #marks = new Map<string, Mark>();
  /** On their way to Redis. */
  #writing: ReadonlySet<string> = new Set();
  readonly #unsure = new Set<string>();
  #pumping: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Redis answered last time. */
  #up = false;
  #writtenAt = 0;
  #stopped = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#prefix = `${options.prefix}:presence:`;
    this.#beatMs = options.beatMs ?? defaultBeatMs;
    this.#failures = new FailureLog(options.log);
  }

  /** Never rejects: without Redis it goes on trying. */
  async start(): Promise<void> {
    if (this.#timer !== null || this.#stopped) return;
    this.#timer = setInterval(() => void this.#beat(), this.#beatMs);
    await this.#options.client.connect().catch(() => undefined);
    await this.#beat();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const { client, node } = this.#options;
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      const late = AbortSignal.timeout(stopMs);
      while (!late.aborted && this.#up && (this.#pumping !== null || this.#changed.size > 0))
        await (this.#pumping ?? this.#pump());
      if (this.#up) await this.#run(scripts.leave, node).catch(() => undefined);
    }
    client.disconnect();
  }

  /** A user's sockets here became more or fewer. */
  changed(userId: string): void {
    if (this.#marks.get(userId) === 'out') this.#marks.delete(userId);
    this.#changed.add(userId);
    this.#wake();
  }

  mark(userId: string, mark: Mark): void {
    this.#marks.delete(userId);
    if (this.#marks.size >= marksWaiting) {
      const [oldest] = this.#marks.keys();
      if (oldest !== undefined) this.#marks.delete(oldest);
    }
    this.#marks.set(userId, mark);
    this.#wake();
  }

  /** Whether something of the user has not reached Redis yet. */
  isWriting(userId: string): boolean {
    return this.#changed.has(userId) || this.#marks.has(userId) || this.#writing.has(userId);
  }

  /** Null when Redis does not answer. */
  async online(userIds: readonly string[]): Promise<ReadonlyMap<string, boolean> | null> {
    try {
      const answer = listOf(await this.#run(scripts.online, ...userIds));
      return new Map(userIds.map((userId, place) => [userId, Number(answer[place]) === 1]));
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  #wake(): void {
    if (this.#timer !== null && !this.#stopped) void this.#pump();
  }

  #pump(): Promise<void> {
    return (this.#pumping ??= this.#drain().finally(() => {
      this.#pumping = null;
    }));
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    // What comes in the same turn goes together.
    await Promise.resolve();
    while (this.#changed.size > 0 || this.#marks.size > 0) {
      const users = take(this.#changed, atOnce);
      const marks = [...this.#marks].slice(0, atOnce);
      for (const [userId] of marks) this.#marks.delete(userId);
      this.#writing = new Set([...users, ...marks.map(([userId]) => userId)]);
      await this.#write(users, true);
      await this.#writeMarks(marks);
      this.#writing = new Set();
    }
  }

  /** @param telling whether first and last sockets are reported */
  async #write(users: readonly string[], telling: boolean): Promise<boolean> {
    const { node, isHere, onStatus } = this.#options;
    if (users.length === 0) return true;
    const states = users.map((userId) => [userId, isHere(userId)] as const);
    const tell = (userId: string, here: boolean): void => onStatus(userId, here ? 'online' : 'offline');
    try {
      const pairs = states.flatMap(([userId, here]) => [userId, here ? '1' : '0']);
      const edges = listOf(await this.#run(scripts.write, node, keptMs, ...pairs));
      states.forEach(([userId, here], place) => {
        if (telling && Number(edges[place]) === 1) tell(userId, here);
      });
      return true;
    } catch (error) {
      this.#fail(error);
      if (telling)
        for (const [userId, here] of states) {
          tell(userId, here);
          if (!here) this.#doubt(userId);
        }
      return false;
    }
  }

  async #writeMarks(marks: readonly (readonly [string, Mark])[]): Promise<void> {
    if (marks.length === 0) return;
    const { presenceTtlMs } = this.#options;
    await this.#run(scripts.mark, presenceTtlMs, keptMs, ...marks.flat()).catch((error: unknown) => this.#fail(error));
  }

  /** Shows that this node lives; makes up for what Redis missed or lost; sweeps the dead. Never rejects. */
  async #beat(): Promise<void> {
    const { node } = this.#options;
    try {
      const answer = listOf(await this.#run(scripts.beat, node, this.#beatMs * beatsMissed, sweepMs));
      const [forgotten, ...dead] = answer.map(String);
      const wasUp = this.#up;
      this.#up = true;
      const due = performance.now() - this.#writtenAt > rewriteMs;
      // Forgotten: the others told that our users went, or nobody knows anything any more.
      if (forgotten === '1' || !wasUp || due) await this.#writeAll(forgotten === '1');
      for (const other of dead) await this.#sweep(other);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #writeAll(telling: boolean): Promise<void> {
    this.#writtenAt = performance.now();
    const users = [...this.#options.users()];
    while (users.length > 0 && !this.#stopped) if (!(await this.#write(users.splice(0, atOnce), telling))) return;
    while (this.#unsure.size > 0 && !this.#stopped) {
      const doubted = take(this.#unsure, atOnce);
      const online = await this.online(doubted);
      for (const userId of doubted) if (online?.get(userId) === true) this.#options.onStatus(userId, 'online');
    }
  }

  async #sweep(node: string): Promise<void> {
    const { log, onStatus } = this.#options;
    let users = 0;
    for (let more = true; more && !this.#stopped;) {
      const [rest, ...gone] = listOf(await this.#run(scripts.sweep, node, atOnce)).map(String);
      for (const userId of gone) onStatus(userId, 'offline');
      users += gone.length;
      more = rest === '1';
    }
    log.info({ node, users }, 'the users of a dead node went offline');
  }

  #doubt(userId: string): void {
    if (this.#unsure.size >= unsureKept) {
      const [oldest] = this.#unsure;
      if (oldest !== undefined) this.#unsure.delete(oldest);
    }
    this.#unsure.add(userId);
  }

  #run(script: string, ...args: (string | number)[]): Promise<unknown> {
    return this.#options.client.eval(script, 0, this.#prefix, ...args);
  }

  #fail(error: unknown): void {
    this.#up = false;
    if (!this.#stopped) this.#failures.warn('presence_shared', describe(error), 'presence is known of this node only');
  }
}

/** Takes so many out of a set, oldest first. */
function take(set: Set<string>, count: number): string[] {
  const taken: string[] = [];
  for (const one of set) {
    if (taken.length >= count) break;
    taken.push(one);
    set.delete(one);
  }
  return taken;
}

function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw new Error('Redis answered something else');
  return answer;
}
