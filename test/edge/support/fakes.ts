/** Stand-ins for what lies behind the edges: rooms that answer as told, a store of a few messages, a silent log. */
import { pino } from 'pino';
import type { Command, PageCommand } from '../../../src/actors/protocol/commands.js';
import type { RoomKey } from '../../../src/actors/protocol/ids.js';
import type { Message } from '../../../src/actors/protocol/message.js';
import type { PageQuery } from '../../../src/actors/protocol/pages.js';
import { readConfig, type Config } from '../../../src/config.js';
import { createAccess, type Access } from '../../../src/edge/access.js';
import { createChat } from '../../../src/edge/chat.js';
import type { Chat, Done, Finish, Identity, Result } from '../../../src/edge/port.js';
import { createLimits } from '../../../src/edge/rate-limiter.js';
import type { Log } from '../../../src/observe/log.js';
import type { Outcome } from '../../../src/runtime/frames.js';
import type { Rooms } from '../../../src/runtime/rooms.js';
import type { ChangeStream, Located, Page, ReadStore, RoomChanges } from '../../../src/runtime/store/port.js';
import { storedMessage } from '../../harness/stored-message.js';

export interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A log whose lines can be looked at. */
export function recordedLog(level = 'trace'): {
  readonly log: Log;
  readonly lines: Line[];
  readonly text: () => string;
} {
  const lines: Line[] = [];
  const log = pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return { log, lines, text: () => JSON.stringify(lines) };
}

export function configOf(env: Readonly<Record<string, string>> = {}): Config {
  return readConfig({ NODE_ENV: 'test', ...env });
}

export function identity(userId: string): Identity {
  return { userId, username: `name of ${userId}`, expiresAt: null };
}

export class FakeRooms implements Rooms {
  readonly commands: Command[] = [];
  accepting = true;
  /** What a command is answered; the default answers with the command itself. */
  answer: (command: Command) => Outcome = (command) => ({
    ok: true,
    answer: { body: JSON.stringify(command), resync: null },
  });

  send(command: Command, replyTo: (outcome: Outcome, at: number) => void): void {
    this.commands.push(command);
    replyTo(this.answer(command), this.commands.length);
  }

  ask(command: Command): Promise<Outcome> {
    this.commands.push(command);
    return Promise.resolve(this.answer(command));
  }

  /** What memory has of a page; nothing unless a test says otherwise. */
  memory: (command: PageCommand) => Promise<string | null> = () => Promise.resolve(null);

  page(command: PageCommand): Promise<string | null> {
    return this.memory(command);
  }

  attach(): void {
    // No bursts come from here.
  }
}

export class FakeReads implements ReadStore {
  readonly messages: Message[] = [];
  readonly calls: string[] = [];
  failing: Error | null = null;
  hanging = false;

  page(key: RoomKey, { limit, from }: PageQuery): Promise<Page> {
    return this.#read('page', () => {
      const all = this.#of(key);
      const end =
        from.by === 'offset'
          ? all.length - from.offset
          : from.by === 'before'
            ? Math.min(from.seq - 1, all.length)
            : from.seq + limit;
      const messages =
        from.by === 'after' ? all.slice(from.seq, end) : all.slice(Math.max(0, end - limit), Math.max(0, end));
      return { messages, total: all.length };
    });
  }

  unread(key: RoomKey, userId: string): Promise<number> {
    return this.#read('unread', () => this.#of(key).filter(({ senderId }) => senderId !== userId).length);
  }

  locate(ids: readonly string[]): Promise<readonly Located[]> {
    return this.#read('locate', () =>
      this.messages.filter(({ id }) => ids.includes(id)).map(({ id, key }) => ({ id, key })),
    );
  }

  covered(key: RoomKey, userId: string, from: number, upTo: number): Promise<readonly Message[]> {
    return this.#read('covered', () =>
      this.#of(key).filter(({ seq, senderId }) => seq > from && seq <= upTo && senderId !== userId),
    );
  }

  changes(key: RoomKey, since: number): Promise<RoomChanges> {
    return this.#read('changes', () => {
      const all = this.#of(key);
      const lastVersion = all.reduce((highest, { version }) => Math.max(highest, version), 0);
      return { lastSeq: all.length, lastVersion, messages: all.filter(({ version }) => version > since), removals: [] };
    });
  }

  /** Streams opened and closed; batches of two. */
  readonly streams = { opened: 0, closed: 0 };

  changeStream(key: RoomKey, since: number): Promise<ChangeStream> {
    return this.#read('changeStream', () => {
      const left = this.#of(key).filter(({ version }) => version > since);
      const lastVersion = this.#of(key).reduce((highest, { version }) => Math.max(highest, version), 0);
      this.streams.opened += 1;
      return {
        lastSeq: this.#of(key).length,
        lastVersion,
        next: () => this.#read('changes', () => (left.length > 0 ? left.splice(0, 2) : null)),
        close: () => void (this.streams.closed += 1),
      };
    });
  }

  heads(keys: readonly RoomKey[]): Promise<ReadonlyMap<RoomKey, number>> {
    return this.#read('heads', () => new Map(keys.map((key) => [key, this.#of(key).length])));
  }

  check(): Promise<void> {
    return this.#read('check', () => undefined);
  }

  add(key: RoomKey, id: string, senderId = 'ann', more: Partial<Message> = {}): Message {
    const seq = this.#of(key).length + 1;
    const message = storedMessage(key, id, seq, { senderId, senderName: senderId, ...more });
    this.messages.push(message);
    return message;
  }

  #of(key: RoomKey): Message[] {
    return this.messages.filter((message) => message.key === key);
  }

  #read<T>(call: string, read: () => T): Promise<T> {
    this.calls.push(call);
    if (this.hanging) return new Promise(() => undefined);
    return this.failing === null ? Promise.resolve(read()) : Promise.reject(this.failing);
  }
}

/** A uuid with this number at its end. */
export function uuid(n: number): string {
  return `0190c000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export interface ChatStage {
  readonly chat: Chat;
  readonly rooms: FakeRooms;
  readonly reads: FakeReads;
  readonly lines: Line[];
}

/** Members-only rooms without a neighbour: `key` → users; rooms that are not named are absent. */
export function membership(rooms: Readonly<Record<string, readonly string[]>>): Access {
  const direct = createAccess({ config: configOf(), log: recordedLog('silent').log });
  return {
    may: (userId, key) =>
      key.startsWith('\u001f') ? direct.may(userId, key) : (rooms[key]?.includes(userId) ?? false),
    revoked: () => undefined,
    revokedAll: () => undefined,
  };
}

export function chatStage(env: Readonly<Record<string, string>> = {}, access?: Access): ChatStage {
  const config = configOf({ RATE_LIMIT_ENABLED: 'false', ...env });
  const { log, lines } = recordedLog();
  const rooms = new FakeRooms();
  const reads = new FakeReads();
  const chat = createChat({
    config,
    rooms,
    reads,
    access: access ?? createAccess({ config, log }),
    directory: { displayName: (userId) => (userId === 'ann' ? 'Ann A.' : null) },
    // The clock stands still: what was spent stays spent.
    limits: createLimits(config, () => 0),
    log,
  });
  return { chat, rooms, reads, lines };
}

export function finished(start: (finish: Finish) => void): Promise<Result<Done>> {
  return new Promise(start);
}
