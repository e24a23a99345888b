/** Random command streams: what fast-check shrinks is a list of small operations; here they become commands on a room. */
import fc from 'fast-check';
import type { Command } from '../../../src/actors/protocol/commands.js';
import type { Model } from './model.js';
import { newId, uuid } from './commands.js';

const user = fc.constantFrom('ann', 'bob', 'cy', 'dee');
const target = fc.nat(999);

const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      user,
      clientMsgId: fc.option(fc.nat(9), { nil: null }),
      replyTo: fc.option(target, { freq: 3, nil: null }),
      metadata: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('edit' as const), user, target, own: fc.nat(4), same: fc.nat(4) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), user, target, own: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('mark' as const),
      user,
      level: fc.constantFrom('read' as const, 'delivered' as const),
      targets: fc.array(target, { maxLength: 3 }),
      upTo: fc.option(target, { nil: null }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('join' as const),
      user,
      device: fc.nat(1),
      since: fc.option(target, { freq: 2, nil: null }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('leave' as const), user, device: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('typing' as const, 'stop_typing' as const), user }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('typing_users' as const, 'tick' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('page' as const),
      limit: fc.integer({ min: 1, max: 6 }),
      by: fc.constantFrom('offset' as const, 'before' as const, 'after' as const, 'around' as const),
      at: target,
      near: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('announce' as const), user, device: fc.nat(1) }) },
);

export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

export const frame = fc.record({
  /** How far the clock moves before the frame; it may step back. */
  clock: fc.integer({ min: -4_000, max: 4_000 }),
  /** What happens to the room's memory before the frame. */
  before: fc.constantFrom('nothing', 'nothing', 'nothing', 'reactivate', 'reread'),
  operations: fc.array(operation, { minLength: 1, maxLength: 8 }),
});

let contents = 0;

/** Content that is found by a plain text search, wherever it is. */
function newContent(): string {
  return `<<${++contents}>>`;
}

export function toCommand(operation: Operation, model: Model, key: string): Command {
  const id = newId();
  switch (operation.op) {
    case 'send':
      return {
        kind: 'send',
        key,
        id,
        senderId: operation.user,
        senderName: `Name of ${operation.user}`,
        senderDisplayName: null,
        receiverId: null,
        content: newContent(),
        messageType: 'text',
        clientMsgId: operation.clientMsgId === null ? null : `client-${operation.clientMsgId}`,
        replyTo: operation.replyTo === null ? null : idOf(model, operation.replyTo),
        metadata: operation.metadata ? JSON.stringify({ note: newContent() }) : null,
      };
    case 'edit': {
      const messageId = idOf(model, operation.target);
      const message = model.messages.find((each) => each.command.id === messageId);
      const content = operation.same === 0 && message !== undefined ? message.content : newContent();
      return { kind: 'edit', key, id, messageId, content, userId: asOwner(model, messageId, operation) };
    }
    case 'delete': {
      const messageId = idOf(model, operation.target);
      return { kind: 'delete', key, id, messageId, userId: asOwner(model, messageId, operation) };
    }
    case 'mark': {
      const messageIds = operation.targets.map((each) => idOf(model, each));
      const upTo = operation.upTo === null ? null : operation.upTo % (model.messages.length + 3);
      return { kind: 'mark', key, id, level: operation.level, userId: operation.user, messageIds, upTo };
    }
    case 'join': {
      const since = operation.since === null ? null : operation.since % (model.version + 2);
      return { kind: 'join', key, id, userId: operation.user, socketId: socketOf(operation), since };
    }
    case 'leave':
      return { kind: 'leave', key, id, userId: operation.user, socketId: socketOf(operation) };
    case 'typing':
    case 'stop_typing':
      return { kind: operation.op, key, id, userId: operation.user };
    case 'typing_users':
    case 'tick':
      return { kind: operation.op, key, id };
    case 'page': {
      const { limit, by, near } = operation;
      const last = model.messages.length;
      // Half of them near the newest message, where memory has them.
      const at = near ? operation.at % 4 : operation.at % (last + 3);
      const query =
        by === 'offset'
          ? ({ limit, from: { by, offset: at } } as const)
          : ({ limit, from: { by, seq: near ? Math.max(0, last + 2 - at) : at } } as const);
      return { kind: 'page', key, id, query };
    }
    case 'announce':
      return { kind: 'announce', key, id, occupants: [[operation.user, socketOf(operation)]] };
  }
}

/** Usually a message of the room; sometimes one that does not exist, no id at all, or an id in capitals. */
function idOf(model: Model, n: number): string {
  const at = n % (model.messages.length + 2);
  const id = model.messages[at]?.command.id;
  if (id === undefined) return at === model.messages.length ? uuid(0xabcdef) : 'no-id';
  return n % 7 === 0 ? id.toUpperCase() : id;
}

/** Mostly the sender, who alone may change the message. */
function asOwner(model: Model, messageId: string, { user: other, own }: { user: string; own: number }): string {
  if (own === 0) return other;
  return model.messages.find((each) => each.command.id === messageId.toLowerCase())?.command.senderId ?? other;
}

function socketOf({ user: userId, device }: { user: string; device: number }): string {
  return `${userId}-${device}`;
}
