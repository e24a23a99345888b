/** Coming back: `since` brings what changed, no less and no more, or says that it cannot. */
import test from 'ava';
import { checkStream } from '../harness/laws.js';
import { stageFor, unique } from '../harness/stage.js';

const stage = stageFor(test, { ROOM_RECENT_MESSAGES: '3', CATCH_UP_MESSAGES: '20' });

test('since the head brings nothing, since an earlier version the messages after it', async (t) => {
  const room = unique('room');
  const ann = await stage.member('ann', room);
  for (let at = 1; at <= 10; at += 1) await ann.send(room, `m${at}`);
  const bob = await stage.client('bob');
  t.deepEqual((await bob.join(room, 10)).messages, []);
  for (const since of [9, 7, 5, 1, 0]) {
    const joined = await bob.join(room, since);
    t.deepEqual(
      joined.messages.map(({ seq }) => seq),
      Array.from({ length: 10 - since }, (_, at) => since + 1 + at),
    );
    t.like(joined, { seq: 10, version: 10 });
  }
  await bob.barrier();
  t.deepEqual(bob.all('resync_required'), []);
});

test('edits and deletions of old messages come, too, each message once as it is now', async (t) => {
  const room = unique('room');
  const ann = await stage.member('ann', room);
  const ids: string[] = [];
  for (let at = 1; at <= 8; at += 1) ids.push((await ann.send(room, `m${at}`)).id);
  await ann.ask('edit_message', { messageId: ids[0], content: 'edited' });
  await ann.ask('edit_message', { messageId: ids[0], content: 'edited twice' });
  await ann.ask('delete_message', { messageId: ids[1] });
  await ann.send(room, 'm9');
  const bob = await stage.client('bob');
  const joined = await bob.join(room, 8);
  t.like(joined, { seq: 9, version: 12 });
  t.deepEqual(
    joined.messages.map(({ seq, version, content }) => [seq, version, content]),
    [
      [1, 10, 'edited twice'],
      [2, 11, ''],
      [9, 12, 'm9'],
    ],
  );
  t.truthy(joined.messages[1]?.deleted_at);
});

test('too many changes, or a version that the room never had, answer resync_required with the recent messages', async (t) => {
  const room = unique('room');
  const ann = await stage.member('ann', room);
  for (let at = 1; at <= 30; at += 1) await ann.send(room, `m${at}`);
  const bob = await stage.client('bob');
  const joined = await bob.join(room, 2);
  t.deepEqual(
    joined.messages.map(({ seq }) => seq),
    [28, 29, 30],
  );
  t.deepEqual((await bob.wait('resync_required')).data, { roomId: room, version: 30, reason: 'too_many_changes' });
  const from = bob.heard.length;
  await bob.join(room, 31);
  t.like((await bob.wait('resync_required', () => true, from)).data, {
    roomId: room,
    version: 30,
    reason: 'unknown_version',
  });
});

test('after the catch-up the stream goes on without a hole, in the middle of traffic too', async (t) => {
  const room = unique('room');
  const ann = await stage.member('ann', room);
  const bob = await stage.member('bob', room);
  const sends = Array.from({ length: 60 }, (_, at) => ann.send(room, `m${at}`));
  for (let round = 0; round < 6; round += 1) {
    await sends[round * 8];
    const from = bob.heard.length;
    bob.tell('leave_room', { roomId: room });
    await bob.wait('room_left', () => true, from);
    const version = lastVersion(bob.heard);
    const joined = await bob.join(room, version);
    const versions = joined.messages.map((message) => message.version);
    if (joined.version - version <= 20)
      t.deepEqual(
        versions,
        Array.from({ length: joined.version - version }, (_, at) => version + 1 + at),
      );
  }
  await Promise.all(sends);
  await bob.barrier();
  t.is(lastVersion(bob.heard), 60);
  t.deepEqual(checkStream(bob.heard), []);
});

function lastVersion(heard: readonly { event: string; data: unknown }[]): number {
  let version = 0;
  for (const { event, data } of heard)
    if (event === 'new_message' || event === 'room_joined')
      version = Math.max(version, (data as { version: number }).version);
  return version;
}
