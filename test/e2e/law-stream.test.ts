/** Laws 4, 5 and 8: one unbroken stream after a join, versions that bring a client up to date, and watermarks that only grow. */
import test from 'ava';
import { checkStream } from '../harness/laws.js';
import { ownStage, stageFor, unique } from '../harness/stage.js';
import type { Ack, RoomJoined, WireMessage } from '../harness/wire.js';

const oneShard = { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1', ROOM_RECENT_MESSAGES: '4' };
const stage = stageFor(test, oneShard);

test.serial(
  'law 4: a join between sends of one frame gets exactly the later ones, for every place in the frame',
  async (t) => {
    const room = unique('room');
    const ann = await stage.client('ann');
    const joiners = await Promise.all(Array.from({ length: 6 }, (_, at) => stage.client(`joiner${at}`)));
    const inspector = await stage.inspector();
    const release = await inspector.holdWrites();
    const first = ann.ask('send_message', { room_id: unique('filler'), content: 'holds the frame' });
    await inspector.blocked();
    // Sends and joins now wait in the mailbox in this order: all of them make up the next frame.
    const sends: Promise<Ack>[] = [];
    for (const joiner of joiners) {
      sends.push(ann.ask('send_message', { room_id: room, content: 'before' }));
      await ann.barrier();
      joiner.tell('join_room', { roomId: room });
      await joiner.barrier();
    }
    sends.push(ann.ask('send_message', { room_id: room, content: 'last' }));
    await ann.barrier();
    await release();
    await Promise.all([first, ...sends]);
    const last = (await ann.ask('send_message', { room_id: room, content: 'a frame later' })).message;
    for (const [at, joiner] of joiners.entries()) {
      await joiner.message(last?.id ?? '');
      const joined = joiner.all('room_joined')[0] as RoomJoined;
      t.is(joined.seq, at + 1, 'the snapshot ends where the join stood');
      t.is(joined.messages.at(-1)?.seq, at + 1);
      const seqs = (joiner.all('new_message') as WireMessage[]).map(({ seq }) => seq);
      t.deepEqual(
        seqs,
        Array.from({ length: 8 - (at + 1) }, (_, next) => at + 2 + next),
      );
      t.is(
        joiner.heard.findIndex(({ event }) => event === 'room_joined') <
          joiner.heard.findIndex(({ event }) => event === 'new_message'),
        true,
      );
      t.deepEqual(checkStream(joiner.heard), []);
    }
  },
);

test.serial('law 4: sockets that join, leave and come back under load never see a hole or a double', async (t) => {
  const room = unique('room');
  const senders = await Promise.all(['ann', 'bob'].map((userId) => stage.member(userId, room)));
  let running = true;
  const sending = senders.map(async (client) => {
    for (let at = 0; running; at += 1) await client.send(room, `m${at}`);
  });
  const wanderers = await Promise.all(Array.from({ length: 4 }, (_, at) => stage.client(`wanderer${at}`)));
  await Promise.all(
    wanderers.map(async (client) => {
      for (let round = 0; round < 10; round += 1) {
        const from = client.heard.length;
        client.tell('join_room', { roomId: room });
        await client.wait('room_joined', () => true, from);
        await client.wait('new_message', () => true, client.heard.length);
        if (round < 9) await client.ask('leave_room', { roomId: room });
      }
    }),
  );
  running = false;
  await Promise.all(sending);
  const { total } = await stage.rest('judge').history(room);
  for (const client of [...senders, ...wanderers]) {
    await client.barrier();
    t.deepEqual(checkStream(client.heard), []);
    t.is((client.all('new_message').at(-1) as WireMessage).seq, total);
  }
});

test.serial('law 5: a client that missed any mixture of changes is brought fully up to date by since', async (t) => {
  const room = unique('room');
  const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
  const ids: string[] = [];
  for (let at = 0; at < 12; at += 1) ids.push((await ann.send(room, `m${at}`)).id);
  const late = await stage.client('late');
  const known = new Map<number, WireMessage>();
  const { messages } = await stage.rest('late').history(room);
  for (const message of messages) known.set(message.seq, message);
  const changes: readonly (() => Promise<unknown>)[] = [
    () => ann.ask('edit_message', { messageId: ids[0], content: 'edited far behind the ring' }),
    () => ann.ask('delete_message', { messageId: ids[1] }),
    () => ann.send(room, 'new'),
    () => ann.ask('edit_message', { messageId: ids[11], content: 'edited in the ring' }),
    () => ann.ask('delete_message', { messageId: ids[10] }),
    () => ann.ask('edit_message', { messageId: ids[0], content: 'edited again' }),
    () => ann.ask('delete_message', { messageId: ids[0] }),
    () => bob.send(room, 'newer'),
  ];
  let version = 12;
  for (const change of changes) {
    await change();
    const joined = await late.join(room, version);
    t.is(joined.version, version + 1, 'one change, one version');
    t.is(joined.messages.length, 1, 'and exactly what changed comes');
    for (const message of joined.messages) known.set(message.seq, message);
    version = joined.version;
    const { messages: truth } = await stage.rest('late').history(room);
    t.deepEqual(
      [...known.values()].map(({ id, content, version: at }) => [id, content, at]),
      truth.map(({ id, content, version: at }) => [id, content, at]),
    );
  }
  // All at once, from the version that the client had at first.
  const fresh = new Map(messages.map((message) => [message.seq, message]));
  for (const message of (await late.join(room, 12)).messages) fresh.set(message.seq, message);
  const { messages: truth } = await stage.rest('late').history(room);
  t.deepEqual(
    [...fresh.values()].map(({ id, content, version: at }) => [id, content, at]),
    truth.map(({ id, content, version: at }) => [id, content, at]),
  );
  await bob.barrier();
  t.deepEqual(checkStream(bob.heard), []);
});

test.serial('law 8: watermarks only grow, never pass the head, and survive a restart', async (t) => {
  const own = await ownStage(t, oneShard);
  const room = unique('room');
  const [ann, bob] = [await own.member('ann', room), await own.member('bob', room)];
  const ids: string[] = [];
  for (let at = 0; at < 10; at += 1) ids.push((await ann.send(room, `m${at}`)).id);
  const mark = async () => {
    const inspector = await own.inspector();
    const [row] = await inspector.rows<{ delivered: number; read: number }>(
      'SELECT delivered_seq::int AS delivered, read_seq::int AS read FROM receipts WHERE room_key = $1 AND user_id = $2',
      [room, 'bob'],
    );
    return row;
  };
  const unread = async () =>
    (await own.rest('bob').get<{ count: number }>(`/messages/unread/${room}`)).body.data?.count;

  await bob.ask('mark_read', { roomId: room, messageIds: [ids[5]] });
  t.deepEqual(await mark(), { delivered: 6, read: 6 });
  await bob.ask('mark_read', { roomId: room, messageIds: [ids[2]] });
  t.deepEqual(await mark(), { delivered: 6, read: 6 }, 'a lower mark changes nothing');
  t.is(await unread(), 4);
  await bob.ask('mark_delivered', { roomId: room, upTo: 1_000_000 });
  t.deepEqual(await mark(), { delivered: 10, read: 6 }, 'no mark passes the head');
  await ann.send(room, 'one more');
  t.is(await unread(), 5);

  // Marks set at once, in any order, end at the highest.
  await Promise.all([9, 3, 7, 1, 8].map((at) => bob.ask('mark_read', { roomId: room, messageIds: [ids[at]] })));
  t.deepEqual(await mark(), { delivered: 10, read: 10 });
  await own.service.restart();
  t.is(await unread(), 1);
  await own.rest('bob').put('/messages/read', { messageIds: [ids[0]] });
  t.deepEqual(await mark(), { delivered: 10, read: 10 });
});

test.serial('law 8: a mark that another writer stored meanwhile is not lowered', async (t) => {
  const own = await ownStage(t, oneShard);
  const room = unique('room');
  const [ann, bob] = [await own.member('ann', room), await own.member('bob', room)];
  const ids: string[] = [];
  for (let at = 0; at < 6; at += 1) ids.push((await ann.send(room, `m${at}`)).id);
  await bob.ask('mark_read', { roomId: room, messageIds: [ids[0]] });
  const inspector = await own.inspector();
  await inspector.rows('UPDATE receipts SET delivered_seq = 6, read_seq = 6 WHERE room_key = $1 AND user_id = $2', [
    room,
    'bob',
  ]);
  t.true((await bob.ask('mark_read', { roomId: room, messageIds: [ids[2]] })).success);
  const rows = await inspector.rows(
    'SELECT delivered_seq::int AS delivered, read_seq::int AS read FROM receipts WHERE room_key = $1 AND user_id = $2',
    [room, 'bob'],
  );
  t.deepEqual(rows, [{ delivered: 6, read: 6 }]);
});
