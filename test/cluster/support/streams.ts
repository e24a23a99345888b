/** A committed room, and sockets that hear of it through the real hub and the real receiver, for tests without a network. */
import { pino } from 'pino';
import { messagePacket, type MessageChange } from '../../../src/actors/protocol/packets.js';
import { encodeMessage, type Message } from '../../../src/actors/protocol/message.js';
import type { Removal } from '../../../src/actors/protocol/state.js';
import type { PlacedBroadcast } from '../../../src/runtime/frames.js';
import { Receiver } from '../../../src/runtime/cluster/receiver.js';
import { createStreamMetrics } from '../../../src/runtime/cluster/stream-metrics.js';
import type { RoomChanges } from '../../../src/runtime/store/port.js';
import type { Standing } from '../../../src/runtime/rooms.js';
import { Hub } from '../../../src/ws/hub.js';
import { createEdgeMetrics } from '../../../src/ws/metrics.js';
import { storedMessage } from '../../harness/stored-message.js';
import { Session, type ChatSocket } from '../../../src/ws/session.js';

export const silent = pino({ level: 'silent' });

interface StoredRoom {
  version: number;
  readonly messages: Message[];
  readonly removals: Removal[];
}

/** Rooms as the store has them. */
export class StoredRooms {
  readonly #rooms = new Map<string, StoredRoom>();
  down = false;

  messages(key: string): readonly Message[] {
    return this.#room(key).messages;
  }

  standing(key: string): Standing {
    const { version, messages } = this.#room(key);
    return { version, seq: messages.length };
  }

  /** Commits a change and returns its broadcast; a change of a message that is not there, or is gone, creates one instead. */
  commit(key: string, change: MessageChange, seq: number): PlacedBroadcast {
    const room = this.#room(key);
    room.version += 1;
    const before = room.messages[seq - 1];
    if (change === 'message_created' || before === undefined || before.deletedAt !== null) {
      const created = messageOf(key, room.messages.length + 1, room.version);
      room.messages.push(created);
      return broadcastOf('message_created', created);
    }
    const edited = { ...before, version: room.version, content: `edit ${room.version}`, editedAt: room.version };
    const after =
      change === 'message_edited' ? edited : { ...before, version: room.version, content: '', deletedAt: room.version };
    room.messages[seq - 1] = after;
    return broadcastOf(change, after);
  }

  remove(key: string, removal: Removal): void {
    const room = this.#room(key);
    room.version = removal.version;
    room.removals.push(removal);
  }

  /** The `room_joined` of a join that is answered now. */
  joined(key: string): { readonly standing: Standing; readonly packet: string } {
    const standing = this.standing(key);
    const messages = `[${this.messages(key).map(encodeMessage).join(',')}]`;
    const { version, seq } = standing;
    return {
      standing,
      packet: `2["room_joined",{"roomId":"${key}","messages":${messages},"version":${version},"seq":${seq}}]`,
    };
  }

  changes(key: string, since: number, limit: number): Promise<RoomChanges> {
    if (this.down) return Promise.reject(new Error('the store is down'));
    const { version, messages, removals } = this.#room(key);
    const changed = messages.filter((message) => message.version > since);
    return Promise.resolve({
      lastSeq: messages.length,
      lastVersion: version,
      messages: changed.length > limit ? null : changed,
      removals: removals.filter((removal) => removal.version > since),
    });
  }

  heads(keys: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (this.down) return Promise.reject(new Error('the store is down'));
    return Promise.resolve(new Map(keys.map((key) => [key, this.#room(key).version])));
  }

  #room(key: string): StoredRoom {
    let room = this.#rooms.get(key);
    if (room === undefined) this.#rooms.set(key, (room = { version: 0, messages: [], removals: [] }));
    return room;
  }
}

export function messageOf(key: string, seq: number, version: number): Message {
  return storedMessage(key, `0190c000-0000-7000-8000-${seq.toString(16).padStart(12, '0')}`, seq, { version });
}

export function broadcastOf(change: MessageChange, message: Message): PlacedBroadcast {
  return { packet: messagePacket(change, message), version: message.version, except: null, at: 0 };
}

/** What a socket was sent. */
export interface Heard {
  readonly event: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** As much of something as the test needs. */
function standIn<T>(parts: object): T {
  return parts as T;
}

/** A session whose connection only remembers. */
export class Listener {
  readonly session: Session;
  readonly heard: Heard[] = [];

  constructor(userId: string, hub: Hub) {
    const conn = {
      readyState: 'open',
      transport: { name: 'polling' },
      writeBuffer: [],
      write: (packet: string) => {
        const [event, body] = JSON.parse(packet.slice(1)) as [string, Heard['body']];
        this.heard.push({ event, body });
      },
    };
    this.session = new Session(userId, standIn<ChatSocket>({ conn }), hub.flusher, 1_048_576, () => undefined);
    this.session.identity = { userId, username: userId, expiresAt: null };
    hub.addUser(userId, this.session);
  }
}

export interface Stage {
  readonly store: StoredRooms;
  readonly hub: Hub;
  readonly receiver: Receiver;
  /** Joins as the answer of another node, or of a frame of this one (with its place). */
  join(
    listener: Listener,
    key: string,
    answer: { readonly standing: Standing; readonly packet: string },
    at?: number,
  ): void;
}

export function stageOf(catchUpMessages: number, pause: () => Promise<void>): Stage {
  const store = new StoredRooms();
  const hub = new Hub(createEdgeMetrics(), silent);
  const receiver = new Receiver({
    edge: hub,
    reads: store,
    partitions: 4,
    catchUpMessages,
    metrics: createStreamMetrics(),
    log: silent,
    pause,
  });
  return {
    store,
    hub,
    receiver,
    join: (listener, key, { standing, packet }, at = -1) => {
      hub.join(key, listener.session, at, standing, [packet]);
    },
  };
}
