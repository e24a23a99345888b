/** What the others learn of a room whose worker was away: who left meanwhile, and that nobody types any more. */
import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownStage, unique } from '../harness/stage.js';
import { faults, inspectorArguments, ThreadFaults } from '../harness/thread-faults.js';

const env = { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1', WORKER_STUCK_MS: '8000', TYPING_TTL_MS: '600000' };

test('who disconnected while the worker was away is missed, and nobody goes on typing', async (t) => {
  const own = await ownStage(t, env, inspectorArguments);
  const room = unique('room');
  const ann = await own.member('ann', room);
  const bob = await own.member('bob', room);
  const cyd = await own.member('cyd', room);
  cyd.tell('typing', { roomId: room });
  await ann.wait('user_typing');

  const harm = await ThreadFaults.attach(own.service, 1);
  t.teardown(() => {
    harm.close();
  });
  harm.harm(0, faults.loop);
  // The worker is in its loop once it does not answer; that it does not is only seen by waiting for it.
  for (;;) {
    const answered = ann.ask('get_typing_users', { roomId: room }).then(() => true);
    if (!(await Promise.race([answered, sleep(500, false)]))) break;
  }
  const from = ann.heard.length;
  bob.close();

  t.deepEqual((await ann.wait('user_left', () => true, from)).data, { userId: 'bob', roomId: room });
  t.deepEqual((await ann.wait('typing_users', () => true, from)).data, { roomId: room, typingUsers: [] });
  await ann.barrier();
  t.is(ann.all('user_left', from).length, 1);
  t.is(ann.all('typing_users', from).length, 1);
  t.deepEqual((await ann.ask('get_typing_users', { roomId: room })).typingUsers, []);
});
