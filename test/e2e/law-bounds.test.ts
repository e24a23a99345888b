/** Law 9: every queue has a bound, and over it comes a quick, explicit, retryable refusal. */
import test from 'ava';
import { checkHistory } from '../harness/laws.js';
import { ownStage, stageFor, unique } from '../harness/stage.js';
import type { Ack } from '../harness/wire.js';

const stage = stageFor(test, {
  WORKER_THREADS: '1',
  SHARDS_PER_WORKER: '1',
  MAILBOX_CAPACITY: '16',
  MAILBOX_LOW_MARK: '8',
  ACK_BACKLOG: '10000',
});

test.serial(
  'law 9: a full mailbox refuses at once as OVERLOADED and retryable; what it took is acked, gapless',
  async (t) => {
    const room = unique('room');
    const ann = await stage.client('ann');
    const inspector = await stage.inspector();
    const release = await inspector.holdWrites();
    const first = ann.ask('send_message', { room_id: room, content: 'holds the frame' });
    await inspector.blocked();
    const asks = Array.from({ length: 100 }, (_, at) => ann.ask('send_message', { room_id: room, content: `m${at}` }));
    const answered: Ack[] = [];
    for (const ask of asks) void ask.then((ack) => answered.push(ack));
    await ann.barrier();
    const early = [...answered];
    // The writes are still held: whatever has been answered by now was answered without them.
    t.true(early.length >= 100 - 17, `${early.length} refused`);
    for (const ack of early) t.like(ack, { success: false, code: 'OVERLOADED', retryable: true });
    const posted = await stage.rest('bob').post('/messages', { room_id: room, content: 'x' });
    t.is(posted.status, 503);
    t.is(posted.body.code, 'OVERLOADED');
    t.true(Number(posted.headers.get('retry-after')) >= 1);
    await release();
    t.true((await first).success);
    const taken = (await Promise.all(asks)).filter(({ success }) => success);
    t.is(taken.length, 100 - early.length);
    t.true(taken.length >= 1);
    const { messages, total } = await stage.rest('ann').history(room);
    t.is(total, taken.length + 1);
    t.deepEqual(checkHistory(room, messages, total), []);
    t.true((await ann.ask('send_message', { room_id: room, content: 'again' })).success, 'and it takes again');
  },
);

test.serial('law 9: a socket with too many unanswered events is refused further ones', async (t) => {
  const own = await ownStage(t, { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1', ACK_BACKLOG: '20' });
  const room = unique('room');
  const ann = await own.client('ann');
  const bob = await own.client('bob');
  const inspector = await own.inspector();
  const release = await inspector.holdWrites();
  const asks = Array.from({ length: 60 }, (_, at) => ann.ask('send_message', { room_id: room, content: `m${at}` }));
  await inspector.blocked();
  const refused = await Promise.all(asks.slice(20));
  for (const ack of refused) t.like(ack, { success: false, code: 'OVERLOADED', retryable: true });
  const other = bob.ask('send_message', { room_id: room, content: 'of another socket' });
  await release();
  t.true((await other).success);
  t.true((await Promise.all(asks.slice(0, 20))).every(({ success }) => success));
});

test.serial(
  'law 9: a user over the rate is refused as RATE_LIMITED with the time to wait, others are not',
  async (t) => {
    const own = await ownStage(t, {
      RATE_LIMIT_ENABLED: 'true',
      SEND_RATE: '1',
      SEND_BURST: '5',
      EVENT_RATE: '1',
      EVENT_BURST: '8',
    });
    const room = unique('room');
    const ann = await own.client('ann');
    const began = performance.now();
    const acks = await Promise.all(
      Array.from({ length: 30 }, (_, at) => ann.ask('send_message', { room_id: room, content: `m${at}` })),
    );
    const refused = acks.filter(({ success }) => !success);
    t.true(refused.length >= 15, `${refused.length} refused`);
    for (const ack of refused) t.like(ack, { success: false, code: 'RATE_LIMITED', retryable: true });
    const posts = await Promise.all(
      Array.from({ length: 15 }, () =>
        own.rest('ann').post('/messages', { room_id: room, content: 'the same allowance over REST' }),
      ),
    );
    const posted = posts.filter(({ status }) => status === 429);
    t.true(posted.length >= 1);
    const taken = acks.length - refused.length + posts.length - posted.length;
    t.true(taken <= 5 + (performance.now() - began) / 1_000, `${taken} were taken`);
    for (const { body, headers } of posted) {
      t.is(body.code, 'RATE_LIMITED');
      t.true(Number(headers.get('retry-after')) >= 1);
    }
    t.is((await own.rest('bob').post('/messages', { room_id: room, content: 'x' })).status, 201);
    const reads = await Promise.all(Array.from({ length: 30 }, () => own.rest('ann').get(`/messages/room/${room}`)));
    t.true(reads.some(({ status }) => status === 429));
    t.is((await own.rest('', null).get('/health')).status, 200);
  },
);
