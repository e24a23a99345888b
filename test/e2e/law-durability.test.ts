/** Laws 1, 2, 3 and 7: what is acked is committed, in one gapless order, once for ever, and a bad neighbour harms nobody. */
import test from 'ava';
import type { ChatClient } from '../harness/client.js';
import { checkHistory, checkStream } from '../harness/laws.js';
import { ownStage, stageFor, unique, type Stage } from '../harness/stage.js';
import type { Ack, WireMessage } from '../harness/wire.js';

/** One shard: everything that waits goes into one frame. */
const oneShard = { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1', ROOM_RECENT_MESSAGES: '5' };
const stage = stageFor(test, oneShard);

/** Occupies the only shard with a frame that cannot commit, so that what is sent meanwhile waits for the next frame. */
async function occupied(on: Stage, filler: ChatClient): Promise<{ release: () => Promise<void>; first: Promise<Ack> }> {
  const inspector = await on.inspector();
  const release = await inspector.holdWrites();
  const first = filler.ask('send_message', { room_id: unique('filler'), content: 'holds the frame' });
  await inspector.blocked();
  return { release, first };
}

test.serial('law 1: nothing is acked or broadcast before it is committed', async (t) => {
  const room = unique('room');
  const [ann, bob] = [await stage.member('ann', room), await stage.member('bob', room)];
  const inspector = await stage.inspector();
  const release = await inspector.holdWrites();
  let acked = false;
  const sent = ann.ask('send_message', { room_id: room, content: 'not yet' }).then((ack) => {
    acked = true;
    return ack;
  });
  const posted = stage
    .rest('cid')
    .post('/messages', { room_id: room, content: 'nor this' })
    .then((answer) => {
      acked = true;
      return answer;
    });
  await inspector.blocked();
  await Promise.all([ann.barrier(), bob.barrier()]);
  t.false(acked, 'an ack came while the commit was held up');
  t.deepEqual(
    [...ann.all('new_message'), ...bob.all('new_message')],
    [],
    'a broadcast came while the commit was held up',
  );
  t.deepEqual(await inspector.messages(room), []);
  await release();
  const ack = await sent;
  t.is((await posted).status, 201);
  t.true((await inspector.messages(room)).some(({ id }) => id === ack.message?.id));
  await bob.message(ack.message?.id ?? '');
});

test.serial('law 1: what is killed before its commit was never acked and is not there afterwards', async (t) => {
  const own = await ownStage(t, oneShard);
  const room = unique('room');
  const ann = await own.member('ann', room);
  const before = await ann.send(room, 'committed');
  const inspector = await own.inspector();
  const release = await inspector.holdWrites();
  const lost = ann.ask('send_message', { room_id: room, content: 'lost', client_msg_id: 'c' }).then(
    (ack) => ack,
    () => null,
  );
  await inspector.blocked();
  await own.service.kill9();
  t.is(await lost, null);
  await inspector.cutConnections();
  await release().catch(() => undefined);
  await own.service.restart();
  const { messages } = await own.rest('ann').history(room);
  t.deepEqual(
    messages.map(({ id }) => id),
    [before.id],
  );
  const again = await own.rest('ann').post('/messages', { room_id: room, content: 'lost', client_msg_id: 'c' });
  t.is(again.body.data?.seq, 2);
});

test.serial(
  'law 2: seq is 1..n without a gap at every socket and in the store, with retries and refusals among the sends',
  async (t) => {
    const room = unique('room');
    const clients = await Promise.all(['ann', 'bob', 'cid'].map((userId) => stage.member(userId, room)));
    const asks = clients.flatMap((client) =>
      Array.from({ length: 40 }, (_, at) => [
        client.ask('send_message', { room_id: room, content: `m${at}`, client_msg_id: `c-${at}` }),
        // A retry right behind it, in the same frame or the next, and a refusal.
        client.ask('send_message', { room_id: room, content: `m${at}`, client_msg_id: `c-${at}` }),
        client.ask('send_message', { room_id: room, content: 'x', reply_to: '0190c000-0000-7000-8000-000000000000' }),
      ]),
    );
    const acks = await Promise.all(asks.flat());
    t.is(acks.filter(({ success }) => success).length, 240);
    t.is(acks.filter(({ code }) => code === 'NOT_FOUND').length, 120);
    const { messages, total } = await stage.rest('judge').history(room);
    t.is(total, 120);
    t.deepEqual(checkHistory(room, messages, total), []);
    for (const client of clients) {
      await client.wait('new_message', (message: WireMessage) => message.seq === 120);
      t.deepEqual(checkStream(client.heard), []);
      t.deepEqual(
        (client.all('new_message') as WireMessage[]).map(({ id }) => id),
        messages.map(({ id }) => id),
      );
    }
  },
);

test.serial(
  'law 3: a client_msg_id gets the original for ever: in one frame, behind the ring, after a restart and after kill -9',
  async (t) => {
    const own = await ownStage(t, { ...oneShard, ROOM_RECENT_MESSAGES: '2', ROOM_IDLE_TTL_MS: '50' });
    const room = unique('room');
    const message = { room_id: room, content: 'once', client_msg_id: 'retry-me' };
    let ann = await own.member('ann', room);
    const { release, first } = await occupied(own, ann);
    const twins = [
      ann.ask('send_message', message),
      ann.ask('send_message', message),
      ann.ask('send_message', message),
    ];
    await ann.barrier();
    await release();
    await first;
    const acks = await Promise.all(twins);
    const original = acks[0]?.message;
    t.truthy(original);
    for (const ack of acks) t.deepEqual(ack.message, original);

    for (let at = 0; at < 10; at += 1) await ann.send(room, `filler ${at}`);
    t.deepEqual((await ann.ask('send_message', message)).message, original, 'behind the ring');
    t.deepEqual((await own.rest('ann').post('/messages', message)).body.data, original, 'over REST');

    await own.service.restart();
    ann = await own.member('ann', room);
    t.deepEqual((await ann.ask('send_message', message)).message, original, 'after a restart');
    await own.service.kill9();
    await own.service.restart();
    ann = await own.member('ann', room);
    t.deepEqual((await ann.ask('send_message', message)).message, original, 'after kill -9');
    await ann.barrier();
    t.deepEqual(ann.all('new_message'), [], 'a retry is not told again');

    const other = await own.member('bob', room);
    t.not((await other.ask('send_message', message)).message?.id, original?.id, 'it is the sender’s own');
    t.not(
      (await ann.ask('send_message', { ...message, room_id: unique('room') })).message?.id,
      original?.id,
      'and the room’s own',
    );
    t.is(
      (await own.rest('ann').history(room)).messages.filter(({ client_msg_id }) => client_msg_id === 'retry-me').length,
      2,
    );
  },
);

test.serial(
  'law 7: a message that Postgres refuses is refused alone; its neighbours of the same frame commit, gapless',
  async (t) => {
    const own = await ownStage(t, oneShard);
    const [one, two] = [unique('room'), unique('room')];
    const ann = await own.member('ann', one);
    await ann.join(two);
    const inspector = await own.inspector();
    // A value that the database itself will not take, as an encoding problem that slipped past every check would be.
    await inspector.rows(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.content = 'poison' THEN RAISE EXCEPTION 'poison' USING ERRCODE = '22021'; END IF;
      RETURN NEW;
    END $$`);
    await inspector.rows(
      'CREATE TRIGGER refuse_poison BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse_poison()',
    );
    const { release, first } = await occupied(own, ann);
    const contents = Array.from({ length: 20 }, (_, at) => (at === 3 || at === 11 ? 'poison' : `m${at}`));
    const asks = contents.map((content, at) => ann.ask('send_message', { room_id: at % 2 === 0 ? one : two, content }));
    await ann.barrier();
    await release();
    await first;
    const acks = await Promise.all(asks);
    for (const [at, ack] of acks.entries()) {
      if (contents[at] === 'poison') t.like(ack, { success: false, code: 'UNPROCESSABLE', retryable: false });
      else t.true(ack.success, `message ${at}: ${ack.code ?? ''}`);
    }
    for (const [room, count] of [
      [one, 10],
      [two, 8],
    ] as const) {
      const { messages, total } = await own.rest('ann').history(room);
      t.deepEqual(checkHistory(room, messages, total), []);
      t.is(total, count);
    }
    await ann.barrier();
    t.deepEqual(checkStream(ann.heard), []);
  },
);

test.serial('law 7: a frame that cannot commit leaves nothing behind', async (t) => {
  const own = await ownStage(t, oneShard);
  const room = unique('room');
  const ann = await own.member('ann', room);
  await ann.send(room, 'first');
  const inspector = await own.inspector();
  await inspector.rows(`
    CREATE FUNCTION refuse_all() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22021'; END $$`);
  // The room's head moves in the same transaction, and must not move alone.
  await inspector.rows(
    'CREATE TRIGGER refuse_all BEFORE INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION refuse_all()',
  );
  t.false((await ann.ask('send_message', { room_id: room, content: 'second' })).success);
  const [head] = await inspector.rows<{ last_seq: number }>(
    'SELECT last_seq::int AS last_seq FROM rooms WHERE room_key = $1',
    [room],
  );
  t.is(head?.last_seq, 1);
  await inspector.rows('DROP TRIGGER refuse_all ON messages');
  t.is((await ann.send(room, 'third')).seq, 2);
  await ann.barrier();
  t.deepEqual(checkStream(ann.heard), []);
});
