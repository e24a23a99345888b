/** Which rows a frame's events become, and which events the rows become. */
import test from 'ava';
import type { MessageEvent, ReceiptEvent } from '../../src/actors/protocol/events.js';
import { directKey } from '../../src/actors/protocol/ids.js';
import type { Message } from '../../src/actors/protocol/message.js';
import { AppendBuilder } from '../../src/runtime/append-builder.js';
import { eventsOf, type OutboxEntry } from '../../src/runtime/broker/integration-events.js';
import { message } from '../store/rooms.js';

function event(type: MessageEvent['type'], of: Message, replayed = false): MessageEvent {
  return { type, durable: true, message: of, replayed };
}

const read: ReceiptEvent = {
  type: 'receipt_advanced',
  durable: true,
  level: 'read',
  userId: 'bob',
  delivered: 2,
  read: 2,
  from: 0,
  upTo: 2,
  messageIds: ['m1'],
  replayed: false,
};

function rowsOf(outbox: boolean, events: readonly [key: string, event: MessageEvent | ReceiptEvent][]) {
  const builder = new AppendBuilder(outbox);
  for (const [key, each] of events) {
    builder.touch(key, key === 'r' ? 3 : 4, 0, 0);
    builder.add(key, each);
  }
  const append = builder.build(
    (partition) => ({ partition, epoch: 1 }),
    () => ({ seq: 9, version: 9 }),
  );
  return append?.outbox?.map(({ partition, key, kind, from, to, version }) => [
    partition,
    key,
    kind,
    from,
    to,
    version,
  ]);
}

test('messages that follow each other are one row; anything between them ends it', (t) => {
  const made = [1, 2, 3, 4].map((seq) => message('r', seq));
  const [one, two, three, four] = made as [Message, Message, Message, Message];
  t.deepEqual(
    rowsOf(true, [
      ['r', event('message_created', one)],
      ['q', event('message_created', message('q', 7))],
      ['r', event('message_created', two)],
      ['r', event('message_edited', { ...one, version: 3 })],
      ['r', event('message_created', { ...three, version: 4 })],
      ['r', read],
      ['r', event('message_created', { ...four, version: 5 })],
      ['r', event('message_deleted', { ...four, version: 6 })],
    ]),
    [
      [3, 'r', 'created', 1, 2, 1],
      [4, 'q', 'created', 7, 7, 7],
      [3, 'r', 'edited', 1, 1, 3],
      [3, 'r', 'created', 3, 3, 4],
      [3, 'r', 'read', 0, 2, 0],
      [3, 'r', 'created', 4, 4, 5],
      [3, 'r', 'deleted', 4, 4, 6],
    ],
  );
});

test('what the store has already is not written again, and nothing is without a broker', (t) => {
  const one = message('r', 1);
  t.is(rowsOf(true, [['r', event('message_created', one, true)]]), undefined);
  t.is(rowsOf(false, [['r', event('message_created', one)]]), undefined);
});

function entry(more: Partial<OutboxEntry>): OutboxEntry {
  return {
    partition: 0,
    position: 1,
    key: 'r',
    kind: 'created',
    from: 1,
    to: 1,
    version: 1,
    userId: null,
    messageIds: null,
    happenedAt: 1_790_000_000_000,
    ...more,
  };
}

test('ids are the same however often a row is sent, and differ between rooms that look alike', (t) => {
  const ids = (key: string): string[] => eventsOf(entry({ key }), [message(key, 1)]).map(({ eventId }) => eventId);
  t.deepEqual(ids('r'), ['r:1:sent', 'r:1:notification']);
  t.deepEqual(ids('r'), ids('r'));
  t.deepEqual(ids('r:1'), ['r%3A1:1:sent', 'r%3A1:1:notification']);
  t.notDeepEqual(ids(directKey('a-b', 'c')), ids(directKey('a', 'b-c')));
});

test('a message deleted since is told without content and notifies nobody', (t) => {
  const gone = message('r', 1, { content: '', deletedAt: 1_790_000_000_001 });
  const events = eventsOf(entry({}), [gone]);
  t.deepEqual(
    events.map(({ routingKey }) => routingKey),
    ['message.room.sent'],
  );
  for (const { body } of events) t.notThrows(() => JSON.parse(body) as unknown);
});

test('notes to oneself notify nobody else', (t) => {
  const key = directKey('ann', 'ann');
  const [, notification] = eventsOf(entry({ key }), [message(key, 1, { senderId: 'ann', receiverId: 'ann' })]);
  t.deepEqual((JSON.parse(notification?.body ?? '{}') as { recipients?: unknown }).recipients, []);
});
