/**
 * Replies and broadcasts as JSON text. A message is encoded once for its reply and its broadcast, which follow each other;
 * the recent messages of a room once for all joins until one of them changes, and what changed since a version once for all
 * joins of a frame that have it.
 */
import type { ActorLimits } from './protocol/limits.js';
import type { Broadcast, RoomEvent } from './protocol/events.js';
import { evictionBroadcast } from './protocol/eviction.js';
import { isDirect, roomIdOf } from './protocol/ids.js';
import { encodeMessage, type Message } from './protocol/message.js';
import { encodeMessages, encodePage } from './protocol/pages.js';
import { deletion, messagePacket, packetText } from './protocol/packets.js';
import type { Answer } from './protocol/replies.js';
import { occupantPacket, rosterMost, rosterPacket } from './protocol/roster.js';
import { recentMessages } from './catch-up.js';
import type { RoomReply } from './reply.js';
import type { RoomState } from './state.js';
import { typingNow } from './typing.js';

/** Rooms whose recent messages are kept as text, so that idle rooms keep none; over it the oldest text is dropped. */
const textsKept = 32;

const silence: readonly Broadcast[] = [];

export class Encoder {
  readonly #limits: ActorLimits;
  /** The message encoded last: a message is never changed in place, so the same object has the same text. */
  #last: { readonly message: Message; readonly text: string } | null = null;
  readonly #withText = new Set<RoomState>();
  /** Catch-ups of this frame by version, as the rooms stand now; as many as its joins have distinct versions. */
  readonly #catchUps = new Map<RoomState, Map<number, string>>();

  constructor(limits: ActorLimits) {
    this.#limits = limits;
  }

  /** Lets go of what a deleted message may still be in. */
  forget(): void {
    this.#last = null;
    this.#catchUps.clear();
  }

  reply(state: RoomState, reply: RoomReply): Answer {
    return reply.kind === 'joined'
      ? { body: this.#joined(state, reply), resync: reply.catchUp.resync }
      : { body: this.#body(state, reply), resync: null };
  }

  #body(state: RoomState, reply: Exclude<RoomReply, { kind: 'joined' }>): string {
    const roomId = roomIdOf(state.key);
    switch (reply.kind) {
      case 'page':
        return this.#page(state, reply);
      case 'message':
        return this.#message(reply.message);
      case 'deleted':
        return JSON.stringify(deletion(reply.message));
      case 'marked':
        return JSON.stringify({ roomId, messageIds: reply.messageIds, from: reply.from, upTo: reply.upTo });
      case 'left':
        return JSON.stringify({ roomId, success: true });
      case 'typing_users':
        return JSON.stringify({ roomId, typingUsers: reply.userIds });
      case 'done':
        return '{}';
    }
  }

  #joined(state: RoomState, reply: Extract<RoomReply, { kind: 'joined' }>): string {
    const roomId = JSON.stringify(roomIdOf(state.key));
    const { since, changed } = reply.catchUp;
    const messages = changed === null ? this.#recent(state) : this.#changed(state, since, changed);
    return `{"roomId":${roomId},"messages":${messages},"success":true,"seq":${state.lastSeq},"version":${state.lastVersion},"unread":${reply.unread}}`;
  }

  #page(state: RoomState, { query, messages }: Extract<RoomReply, { kind: 'page' }>): string {
    if (messages === null) return 'null';
    const recent = recentMessages(state, this.#limits);
    // What joins are told is the likeliest page to be asked for.
    const whole = messages.length > 0 && messages.length === recent.length && messages.at(-1)?.seq === state.lastSeq;
    return encodePage(query, messages, state.lastSeq, whole ? this.#recent(state) : encodeMessages(messages));
  }

  #changed(state: RoomState, since: number, changed: readonly Message[]): string {
    let texts = this.#catchUps.get(state);
    if (texts === undefined) this.#catchUps.set(state, (texts = new Map<number, string>()));
    let text = texts.get(since);
    if (text === undefined) texts.set(since, (text = encodeMessages(changed)));
    return text;
  }

  #recent(state: RoomState): string {
    if (state.text !== null) return state.text;
    state.text = encodeMessages(recentMessages(state, this.#limits));
    this.#withText.add(state);
    if (this.#withText.size > textsKept)
      for (const oldest of this.#withText) {
        oldest.text = null;
        this.#withText.delete(oldest);
        break;
      }
    return state.text;
  }

  broadcasts(state: RoomState, event: RoomEvent): readonly Broadcast[] {
    if (event.durable) this.#catchUps.delete(state);
    switch (event.type) {
      case 'message_created':
      case 'message_edited': {
        const { message } = event;
        return [broadcast(messagePacket(event.type, message, this.#message(message)), message.version, null)];
      }
      case 'message_deleted':
        return [broadcast(messagePacket(event.type, event.message), event.message.version, null)];
      case 'receipt_advanced': {
        const { userId, messageIds, upTo } = event;
        const name = event.level === 'read' ? 'messages_read' : 'messages_delivered';
        const data = JSON.stringify({ userId, messageIds, roomId: roomIdOf(state.key), upTo });
        return [broadcast(packetText(name, data), null, userId)];
      }
      case 'members_evicted':
        return [evictionBroadcast(state.key, event)];
      case 'occupant_joined':
        return event.edge ? [aboutOccupant(state, event.userId, true)] : silence;
      case 'occupant_left':
        return event.edge ? [aboutOccupant(state, event.userId, false)] : silence;
      case 'typing_started':
        return event.announced ? [aboutUser('user_typing', state, event.userId)] : silence;
      case 'typing_stopped':
        return [aboutUser('user_stopped_typing', state, event.userId)];
      case 'occupants_listed':
        return listOf(state);
      case 'occupants_announced': {
        // Typing in direct conversations is told to users, of whom nobody is announced.
        if (!event.first || isDirect(state.key)) return silence;
        const data = JSON.stringify({ roomId: roomIdOf(state.key), typingUsers: typingNow(state) });
        return [broadcast(packetText('typing_users', data), null, null)];
      }
    }
  }

  #message(message: Message): string {
    if (this.#last?.message !== message) this.#last = { message, text: encodeMessage(message) };
    return this.#last.text;
  }
}

function broadcast(packet: string, version: number | null, except: string | null): Broadcast {
  return { packet, version, except };
}

/** For edges, not for sockets. Of a larger room nobody is told: it costs more than somebody who seems to be there. */
function listOf({ occupants }: RoomState): readonly Broadcast[] {
  const userIds = [...(occupants?.keys() ?? [])];
  if (userIds.length > rosterMost) return silence;
  return [broadcast(rosterPacket(userIds), null, null)];
}

function aboutOccupant({ key }: RoomState, userId: string, here: boolean): Broadcast {
  return broadcast(occupantPacket(key, userId, here), null, userId);
}

/** The others hear of it: a socket of the user that comes or goes meanwhile, on this node or another, does not. */
function aboutUser(event: string, state: RoomState, userId: string): Broadcast {
  return broadcast(packetText(event, JSON.stringify({ userId, roomId: roomIdOf(state.key) })), null, userId);
}
