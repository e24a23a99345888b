/** The process killed, its database connections cut: nothing acked is lost, no seq is skipped or used twice. */
import test from 'ava';
import { ownStage, unique } from '../harness/stage.js';
import { Traffic } from '../harness/traffic.js';

test.serial('laws 1 to 3 hold over kill -9 under load, three times in a row', async (t) => {
  const own = await ownStage(t);
  const rooms = Array.from({ length: 4 }, () => unique('room'));
  for (let round = 0; round < 3; round += 1) {
    const traffic = await Traffic.start(own.url, { rooms, members: 2, inFlight: 8 });
    await traffic.reached(200);
    await own.service.kill9();
    await traffic.stop();
    t.true(traffic.unanswered.length > 0, 'something was under way');
    await own.service.restart();
    t.deepEqual(await traffic.judge(own.url), []);
    await traffic.settle(own.url);
    t.deepEqual(traffic.unanswered, []);
    t.deepEqual(await traffic.judge(own.url), [], 'what had no answer is there exactly once after a retry');
  }
});

test.serial('sends go on after all database connections were cut, without a loss, a double or a hole', async (t) => {
  const own = await ownStage(t);
  const inspector = await own.inspector();
  const rooms = Array.from({ length: 4 }, () => unique('room'));
  const traffic = await Traffic.start(own.url, { rooms, members: 2, inFlight: 8 });
  for (let round = 1; round <= 3; round += 1) {
    const acked = traffic.acked.length;
    await traffic.reached(acked + 100);
    t.true((await inspector.cutConnections()) > 0);
    await traffic.reached(traffic.acked.length + 100);
  }
  await traffic.stop();
  await traffic.settle(own.url);
  t.deepEqual(await traffic.judge(own.url), []);
  t.true(
    traffic.clients.every((client) => client.socket.connected),
    'no socket was lost',
  );
  t.is((await own.rest('', null).get('/ready')).status, 200);
  traffic.close();
});

test.serial('a connection cut while a frame waits to commit: its outcome is found, one message, one ack', async (t) => {
  const own = await ownStage(t, { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1' });
  const inspector = await own.inspector();
  const room = unique('room');
  const [ann, bob] = [await own.member('ann', room), await own.member('bob', room)];
  const release = await inspector.holdWrites();
  const asks = Array.from({ length: 10 }, (_, at) => ann.ask('send_message', { room_id: room, content: `m${at}` }));
  await inspector.blocked();
  await inspector.cutConnections();
  await release();
  const acks = await Promise.all(asks);
  for (const ack of acks) t.true(ack.success || ack.retryable === true, JSON.stringify(ack));
  const { messages, total } = await own.rest('ann').history(room);
  t.is(total, acks.filter(({ success }) => success).length);
  t.deepEqual(
    messages.map(({ seq }) => seq),
    Array.from({ length: total }, (_, at) => at + 1),
  );
  await bob.barrier();
  t.is(bob.all('new_message').length, total);
});
