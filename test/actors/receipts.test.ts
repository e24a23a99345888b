/** Watermarks, the counts that messages show, and what is unread. */
import test from 'ava';
import { join, limits, mark, remove, room, send, uuid } from './support/commands.js';
import { Host } from './support/host.js';

function hostWith(count: number, senderId = 'ann'): { host: Host; ids: string[] } {
  const host = new Host(limits, room);
  const commands = Array.from({ length: count }, (_, n) => send(senderId, `m${n + 1}`));
  for (const command of commands) host.one(command);
  return { host, ids: commands.map(({ id }) => id) };
}

test('a mark covers everything up to the highest named message, and the others hear of it', (t) => {
  const { host, ids } = hostWith(3);
  const step = host.one(mark('read', 'bob', [ids[1] ?? '', ids[0] ?? '', uuid(999_999)]));
  t.deepEqual(step.body, { roomId: room, messageIds: ids.slice(0, 2), from: 0, upTo: 2 });
  t.deepEqual(step.heard, [
    ['messages_read', { userId: 'bob', messageIds: ids.slice(0, 2), roomId: room, upTo: 2 }, 'bob'],
  ]);
  t.deepEqual(step.versions, [null]);
  t.deepEqual(host.database.receipts(), [{ userId: 'bob', delivered: 2, read: 2 }]);
});

test('law 8: marks never fall and never pass the newest message', (t) => {
  const { host, ids } = hostWith(3);
  t.like(host.one(mark('read', 'bob', [], 99)).body, { from: 0, upTo: 3 });
  const back = host.one(mark('read', 'bob', [ids[0] ?? '']));
  t.deepEqual([back.body, back.heard], [{ roomId: room, messageIds: [], from: 3, upTo: 3 }, []]);
  const late = host.one(mark('delivered', 'bob', [], 2));
  t.deepEqual([late.body, late.heard], [{ roomId: room, messageIds: [], from: 3, upTo: 3 }, []]);
});

test('read implies delivered and says so once; delivered does not imply read', (t) => {
  const { host } = hostWith(3);
  t.is(host.one(mark('delivered', 'bob', [], 1)).heard[0]?.[0], 'messages_delivered');
  const step = host.one(mark('read', 'bob', [], 2));
  t.deepEqual(
    step.heard.map(([name]) => name),
    ['messages_read'],
  );
  t.deepEqual(host.database.receipts(), [{ userId: 'bob', delivered: 2, read: 2 }]);
  t.like(host.one(mark('delivered', 'bob', [], 3)).body, { from: 2, upTo: 3 });
  t.deepEqual(host.database.receipts(), [{ userId: 'bob', delivered: 3, read: 2 }]);
});

test('ids that are not of this room are ignored, unless all are', (t) => {
  const { host, ids } = hostWith(2);
  t.like(host.one(mark('read', 'bob', [uuid(999_999), 'nonsense', ids[0] ?? ''])).body, { upTo: 1 });
  t.is(host.one(mark('read', 'bob', [uuid(999_999)])).code, 'NOT_FOUND');
  t.is(host.one(mark('read', 'bob', ['nonsense'])).code, 'NOT_FOUND');
});

test('newly covered are others’ undeleted messages only', (t) => {
  const { host, ids } = hostWith(2);
  const own = send('bob', 'mine');
  host.run([own, remove('ann', ids[1] ?? '')]);
  t.deepEqual(host.one(mark('read', 'bob', [own.id])).body?.['messageIds'], [ids[0]]);
});

test('a message behind the memory can be marked by its id', (t) => {
  const { host, ids } = hostWith(10);
  const step = host.one(mark('read', 'bob', [ids[4] ?? '', (ids[2] ?? '').toUpperCase()]));
  t.deepEqual(step.body, { roomId: room, messageIds: [ids[2], ids[4]], from: 0, upTo: 5 });
});

test('messages count the others who have them, each once, however often marks are forgotten', (t) => {
  const { host } = hostWith(4);
  for (const userId of ['bob', 'cy', 'dee', 'ann', 'bob', 'cy', 'dee']) {
    host.one(mark('delivered', userId, [], 4));
    host.one(mark('read', userId, [], 2));
  }
  t.true((host.state.marks?.size ?? 0) <= limits.marksKept);
  const messages = host.one(join('eve')).body?.['messages'] as Record<string, unknown>[];
  t.deepEqual(
    messages.map((message) => [message['delivered_count'], message['read_count'], message['is_read']]),
    [
      [3, 3, true],
      [3, 3, true],
      [3, 0, false],
      [3, 0, false],
    ],
  );
});

test('unread counts others’ undeleted messages past the read mark, in memory and behind it', (t) => {
  const { host, ids } = hostWith(10);
  const unread = () => host.one(join('bob')).body?.['unread'];
  t.is(unread(), 10);
  host.one(mark('read', 'bob', [], 3));
  t.is(unread(), 7);
  host.one(send('bob', 'mine'));
  t.is(unread(), 7);
  host.run([remove('ann', ids[4] ?? ''), remove('ann', ids[9] ?? '')]);
  t.is(unread(), 5);
  host.one(mark('delivered', 'bob', [], 11));
  t.is(unread(), 5);
  host.one(mark('read', 'bob', [], 11));
  t.is(unread(), 0);
});

test('a delete behind the memory counts at once for a join of the same frame', (t) => {
  const { host, ids } = hostWith(10);
  const [, step] = host.run([remove('ann', ids[0] ?? ''), join('bob'), remove('ann', ids[1] ?? '')]);
  t.is(step?.body?.['unread'], 9);
});

test('who has marks in memory and reads on asks the store for nothing', (t) => {
  const { host } = hostWith(4);
  host.one(mark('read', 'bob', [], 1));
  const { reads } = host.database;
  host.one(mark('read', 'bob', [], 4));
  host.one(join('bob'));
  t.is(host.database.reads, reads);
});
