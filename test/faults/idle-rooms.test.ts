/** Thousands of idle rooms leave the memory of a real process, and are there again when somebody comes. */
import test from 'ava';
import { eventually } from '../harness/eventually.js';
import { checkHistory } from '../harness/laws.js';
import { metricOf } from '../harness/metrics.js';
import { stageFor, unique } from '../harness/stage.js';

const rooms = 2_000;
const stage = stageFor(test, { ROOM_IDLE_TTL_MS: '500', ACK_BACKLOG: '10000' });

function resident(): Promise<number> {
  return metricOf(stage.url, 'resident_rooms');
}

test('rooms that nobody is in leave memory after their idle time, and lose nothing by it', async (t) => {
  const ann = await stage.client('ann');
  const names = Array.from({ length: rooms }, () => unique('idle'));
  const acks = await Promise.all(
    names.map((room) => ann.ask('send_message', { room_id: room, content: 'before', client_msg_id: 'one' })),
  );
  t.true(acks.every(({ success }) => success));
  await eventually(async () => (await resident()) === 0, 'the eviction of all rooms');
  const room = names[0] ?? '';
  t.is(acks[0]?.message?.id, (await ann.send(room, 'before', { client_msg_id: 'one' })).id);
  t.is((await ann.send(room, 'after')).seq, 2);
  const { messages, total } = await stage.rest('ann').history(room);
  t.deepEqual(checkHistory(room, messages, total), []);
});
