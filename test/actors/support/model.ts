/**
 * What a room must say, written as naively as possible: arrays, no memory bounds, no frames, the whole history at hand.
 * It shares no code with the actor. Long because it is one room: a model in parts would need the actor's own seams.
 */
import type { Command, MarkCommand, SendCommand } from '../../../src/actors/protocol/commands.js';
import type { ActorLimits } from '../../../src/actors/protocol/limits.js';
import type { PageAnchor, PageQuery } from '../../../src/actors/protocol/pages.js';
import type { Heard } from './host.js';

export interface ModelMessage {
  readonly command: SendCommand;
  readonly seq: number;
  version: number;
  content: string;
  metadata: string | null;
  readonly replyTo: string | null;
  readonly createdAt: number;
  editedAt: number;
  deletedAt: number;
  readonly contents: string[];
}

interface TypingUser {
  readonly userId: string;
  until: number;
  toldAt: number;
}

export interface Expected {
  readonly code: string | null;
  readonly body: Record<string, unknown> | null;
  readonly resync: string | null;
  readonly heard: readonly Heard[];
}

export class Model {
  readonly messages: ModelMessage[] = [];
  readonly marks: { readonly userId: string; delivered: number; read: number }[] = [];
  version = 0;
  /** The oldest seq that the actor has in memory in this frame. */
  ringFrom = 1;
  /** The room's version when the frame began. */
  versionBefore = 0;
  readonly #limits: ActorLimits;
  readonly #roomId: string | null;
  #sockets: (readonly [userId: string, socketId: string])[] = [];
  #typing: TypingUser[] = [];

  constructor(limits: ActorLimits, roomId: string | null) {
    this.#limits = limits;
    this.#roomId = roomId;
  }

  beginFrame(): void {
    this.ringFrom = Math.max(1, this.messages.length - this.#limits.recentMessages + 1);
    this.versionBefore = this.version;
  }

  forgetEphemeral(): void {
    this.#sockets = [];
    this.#typing = [];
  }

  unread(userId: string, read: number): number {
    return this.messages.filter((m) => m.seq > read && this.#countsFor(m, userId)).length;
  }

  mark(userId: string) {
    let row = this.marks.find((each) => each.userId === userId);
    if (row === undefined) this.marks.push((row = { userId, delivered: 0, read: 0 }));
    return row;
  }

  apply(command: Command, now: number): Expected {
    switch (command.kind) {
      case 'send':
        return this.#send(command, now);
      case 'edit': {
        const message = this.#find(command.messageId);
        if (message === undefined || message.deletedAt > 0) return refused('NOT_FOUND');
        if (message.command.senderId !== command.userId) return refused('FORBIDDEN');
        if (message.content === command.content) return said(this.wire(message));
        message.version = ++this.version;
        message.content = command.content;
        message.contents.push(command.content);
        message.editedAt = Math.max(now, message.createdAt, message.editedAt);
        return said(this.wire(message), [['message_edited', this.wire(message), null]]);
      }
      case 'delete': {
        const message = this.#find(command.messageId);
        if (message === undefined) return refused('NOT_FOUND');
        if (message.command.senderId !== command.userId) return refused('FORBIDDEN');
        const fresh = message.deletedAt === 0;
        if (fresh) {
          message.version = ++this.version;
          message.content = '';
          message.metadata = null;
          message.deletedAt = Math.max(now, message.createdAt, message.editedAt);
        }
        const body = {
          messageId: message.command.id,
          roomId: this.#roomId,
          seq: message.seq,
          version: message.version,
        };
        return said(body, fresh ? [['message_deleted', body, null]] : []);
      }
      case 'mark':
        return this.#mark(command);
      case 'join': {
        const { userId, socketId, since } = command;
        const here = this.#sockets.some(([user, socket]) => user === userId && socket === socketId);
        const first = !this.#sockets.some(([user]) => user === userId);
        if (!here) this.#sockets.push([userId, socketId]);
        const changed = since === null ? null : this.messages.filter((m) => m.version > since);
        const tooMany = changed !== null && changed.length > this.#limits.catchUpMessages;
        const resync =
          since === null ? null : since > this.version ? 'unknown_version' : tooMany ? 'too_many_changes' : null;
        const shown = changed === null || resync !== null ? this.messages.slice(-this.#limits.recentMessages) : changed;
        const body = {
          roomId: this.#roomId,
          messages: shown.map((message) => this.wire(message)),
          success: true,
          seq: this.messages.length,
          version: this.version,
          unread: this.unread(userId, this.mark(userId).read),
        };
        return { code: null, body, resync, heard: first ? [this.#user('user_joined', userId)] : [] };
      }
      case 'leave': {
        const { userId, socketId } = command;
        const here = this.#sockets.some(([user, socket]) => user === userId && socket === socketId);
        this.#sockets = this.#sockets.filter(([user, socket]) => user !== userId || socket !== socketId);
        const last = here && !this.#sockets.some(([user]) => user === userId);
        const heard = last ? [this.#user('user_left', userId), ...this.#stop(userId)] : [];
        return said({ roomId: this.#roomId, success: true }, heard);
      }
      case 'typing':
        return this.#type(command.userId, now);
      case 'stop_typing':
        return said({}, this.#stop(command.userId));
      case 'typing_users': {
        const users = this.#typing.filter((each) => !this.#ended(each, now)).map((each) => each.userId);
        return said({ roomId: this.#roomId, typingUsers: users });
      }
      case 'announce': {
        const first = this.#sockets.length === 0 && command.occupants.length > 0;
        const typing = this.#typing.map((each) => each.userId);
        for (const [user, socket] of command.occupants)
          if (!this.#sockets.some(([u, s]) => u === user && s === socket)) this.#sockets.push([user, socket]);
        if (!first || this.#roomId === null) return said({});
        return said({}, [['typing_users', { roomId: this.#roomId, typingUsers: typing }, null]]);
      }
      case 'forget': {
        const isGone = (socket: string): boolean => command.nodes.some((node) => socket.startsWith(`${node}/`));
        const gone = new Set(this.#sockets.filter(([, socket]) => isGone(socket)).map(([user]) => user));
        this.#sockets = this.#sockets.filter(([, socket]) => !isGone(socket));
        const left = [...gone].filter((user) => !this.#sockets.some(([one]) => one === user));
        return said(
          {},
          left.flatMap((user) => [this.#user('user_left', user), ...this.#stop(user)]),
        );
      }
      case 'tick':
        return said({}, this.#stopEnded(now));
      case 'page':
        return this.#page(command.query);
      case 'evict':
        throw new Error('removals have tests of their own');
    }
  }

  /** Only what is in the actor's memory is answered; an empty page needs none. */
  #page({ limit, from }: PageQuery): Expected {
    const total = this.messages.length;
    const shown = pageOf(this.messages, limit, from);
    const [first, last] = [shown[0]?.seq, shown.at(-1)?.seq];
    if (first !== undefined && first < this.ringFrom) return { code: null, body: null, resync: null, heard: [] };
    const ends =
      first !== undefined && last !== undefined
        ? { next: first > 1 ? first : null, prev: last < total ? last : null }
        : total === 0
          ? { next: null, prev: null }
          : from.by === 'after'
            ? { next: total + 1, prev: null }
            : { next: null, prev: 0 };
    const offset = from.by === 'offset' ? from.offset : null;
    return said({
      data: shown.map((message) => this.wire(message)),
      pagination: { limit, offset, total, ...ends },
    });
  }

  #send(command: SendCommand, now: number): Expected {
    const { senderId, clientMsgId } = command;
    const original = this.messages.find(
      (m) => clientMsgId !== null && m.command.clientMsgId === clientMsgId && m.command.senderId === senderId,
    );
    if (original !== undefined) return said(this.wire(original));
    const target = command.replyTo === null ? undefined : this.#find(command.replyTo);
    // Deleted within this frame is concurrent: a send that may be a retry goes on, and the store decides.
    const gone = target !== undefined && target.deletedAt > 0;
    const concurrent = gone && clientMsgId !== null && target.version > this.versionBefore;
    if (command.replyTo !== null && (target === undefined || (gone && !concurrent))) return refused('NOT_FOUND');
    const message: ModelMessage = {
      command,
      seq: this.messages.length + 1,
      version: ++this.version,
      content: command.content,
      metadata: command.metadata,
      replyTo: target?.command.id ?? null,
      createdAt: Math.max(now, ...this.messages.map((m) => m.createdAt)),
      editedAt: 0,
      deletedAt: 0,
      contents: [command.content],
    };
    this.messages.push(message);
    return said(this.wire(message), [['new_message', this.wire(message), null], ...this.#stop(senderId)]);
  }

  #mark(command: MarkCommand): Expected {
    const { userId, level } = command;
    const named = this.messages.filter((m) => command.messageIds.some((id) => id.toLowerCase() === m.command.id));
    if (command.messageIds.length > 0 && named.length === 0) return refused('NOT_FOUND');
    const reach = Math.max(0, Math.min(command.upTo ?? 0, this.messages.length), ...named.map((m) => m.seq));
    const marks = this.mark(userId);
    const from = marks[level];
    const upTo = Math.max(from, reach);
    if (level === 'read') marks.read = upTo;
    marks.delivered = Math.max(marks.delivered, upTo);
    const messageIds = this.messages
      .filter((m) => m.seq > from && m.seq <= upTo && this.#countsFor(m, userId))
      .filter((m) => m.seq >= this.ringFrom || named.includes(m))
      .map((m) => m.command.id);
    const name = level === 'read' ? 'messages_read' : 'messages_delivered';
    const heard: Heard[] = [[name, { userId, messageIds, roomId: this.#roomId, upTo }, userId]];
    return said({ roomId: this.#roomId, messageIds, from, upTo }, upTo > from ? heard : []);
  }

  #type(userId: string, now: number): Expected {
    const { typingTtlMs, typingQuietMs, typingUsers } = this.#limits;
    const heard: Heard[] = [];
    let entry = this.#typing.find((each) => each.userId === userId);
    if (entry === undefined && this.#typing.length >= typingUsers) {
      if (this.#typing.every((each) => !this.#ended(each, now))) return refused('OVERLOADED');
      heard.push(...this.#stopEnded(now));
    }
    if (entry === undefined) this.#typing.push((entry = { userId, until: 0, toldAt: -Infinity }));
    if (now < entry.toldAt || now >= entry.toldAt + typingQuietMs) {
      entry.toldAt = now;
      heard.push(this.#user('user_typing', userId));
    }
    entry.until = now + typingTtlMs;
    return said({}, heard);
  }

  #ended(entry: TypingUser, now: number): boolean {
    return now >= entry.until || now < entry.until - this.#limits.typingTtlMs;
  }

  #stopEnded(now: number): Heard[] {
    return this.#typing.filter((each) => this.#ended(each, now)).flatMap((each) => this.#stop(each.userId));
  }

  #stop(userId: string): Heard[] {
    if (!this.#typing.some((each) => each.userId === userId)) return [];
    this.#typing = this.#typing.filter((each) => each.userId !== userId);
    return [this.#user('user_stopped_typing', userId)];
  }

  #user(name: string, userId: string): Heard {
    return [name, { userId, roomId: this.#roomId }, userId];
  }

  #find(id: string): ModelMessage | undefined {
    return this.messages.find((m) => m.command.id === id.toLowerCase());
  }

  #countsFor(message: ModelMessage, userId: string): boolean {
    return message.deletedAt === 0 && message.command.senderId !== userId;
  }

  /** The message object of the wire contract. */
  wire(message: ModelMessage): Record<string, unknown> {
    const { command, seq } = message;
    const others = this.marks.filter((row) => row.userId !== command.senderId);
    const delivered = others.filter((row) => row.delivered >= seq).length;
    const read = others.filter((row) => row.read >= seq).length;
    const { createdAt, editedAt, deletedAt } = message;
    return {
      id: command.id,
      room_id: this.#roomId,
      receiver_id: command.receiverId,
      sender_id: command.senderId,
      sender_name: command.senderName,
      sender_display_name: command.senderDisplayName ?? command.senderName,
      username: command.senderName,
      content: message.content,
      message_type: command.messageType,
      seq,
      version: message.version,
      ...(command.clientMsgId === null ? {} : { client_msg_id: command.clientMsgId }),
      ...(message.replyTo === null ? {} : { reply_to: message.replyTo }),
      ...(message.metadata === null ? {} : { metadata: JSON.parse(message.metadata) as unknown }),
      is_delivered: delivered > 0,
      is_read: read > 0,
      delivered_count: delivered,
      read_count: read,
      created_at: new Date(createdAt).toISOString(),
      updated_at: new Date(Math.max(createdAt, editedAt, deletedAt)).toISOString(),
      ...(editedAt > 0 ? { edited_at: new Date(editedAt).toISOString() } : {}),
      ...(deletedAt > 0 ? { deleted_at: new Date(deletedAt).toISOString() } : {}),
    };
  }
}

/** A page as a client would work it out from all messages, oldest first. */
export function pageOf<M extends { readonly seq: number }>(all: readonly M[], limit: number, from: PageAnchor): M[] {
  switch (from.by) {
    case 'offset':
      return all.slice(Math.max(0, all.length - from.offset - limit), Math.max(0, all.length - from.offset));
    case 'before':
      return all.filter(({ seq }) => seq < from.seq).slice(-limit);
    case 'after':
      return all.filter(({ seq }) => seq > from.seq).slice(0, limit);
    case 'around': {
      const first = Math.min(from.seq - Math.ceil((limit - 1) / 2), all.length - limit + 1);
      return all.slice(Math.max(0, first - 1)).slice(0, limit);
    }
  }
}

function said(body: Record<string, unknown>, heard: readonly Heard[] = []): Expected {
  return { code: null, body, resync: null, heard };
}

function refused(code: string): Expected {
  return { code, body: null, resync: null, heard: [] };
}
