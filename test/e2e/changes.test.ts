/** Clients that are far behind catch up by GET …/changes: completely, in constant memory, and only as long as they may. */
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import test from 'ava';
import { eventually, within } from '../harness/eventually.js';
import { metricOf } from '../harness/metrics.js';
import { openChatRooms } from '../harness/neighbour.js';
import { ownStage, stageFor, unique, type Stage } from '../harness/stage.js';
import { tokenFor } from '../harness/token.js';
import type { WireMessage } from '../harness/wire.js';

const stage = stageFor(test, { CATCH_UP_MESSAGES: '5', ROOM_RECENT_MESSAGES: '3', CATCH_UP_STREAMS: '1' });

type Line =
  | { readonly type: 'message'; readonly data: WireMessage }
  | { readonly type: 'end'; readonly seq: number; readonly version: number }
  | { readonly type: 'error'; readonly code: string };

function linesIn(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** A long room, straight into the database: nobody has it in memory yet. */
async function longRoom(on: Stage, room: string, length: number, content: string): Promise<void> {
  const inspector = await on.inspector();
  await inspector.rows('INSERT INTO rooms (room_key, last_seq, last_version) VALUES ($1, $2, $2)', [room, length]);
  await inspector.rows(
    `INSERT INTO messages (room_key, seq, id, version, sender_id, sender_name, content, message_type, created_at)
     SELECT $1, n, gen_random_uuid(), n, 'ann', 'Ann', $3, 'text', now() FROM generate_series(1, $2::integer) n`,
    [room, length, content],
  );
}

/** A response whose body is not read yet. */
async function opened(on: Stage, room: string, user: string): Promise<IncomingMessage> {
  const request = get(`${on.url}/messages/room/${room}/changes`, {
    headers: { authorization: `Bearer ${tokenFor(user)}` },
    agent: false,
  });
  const [response] = (await within(once(request, 'response'), 'the response')) as [IncomingMessage];
  on.defer(() => response.destroy());
  return response;
}

function catchUps(on: Stage): Promise<number> {
  return metricOf(on.url, 'catch_up_streams');
}

test.serial(
  'told resync_required, a client reads the changes, joins with the version at their end, and has everything',
  async (t) => {
    const room = unique('room');
    const ann = await stage.member('ann', room);
    const have = new Map<string, WireMessage>();
    const ids: string[] = [];
    for (let n = 1; n <= 10; n += 1) {
      const message = await ann.send(room, `m${n}`);
      ids.push(message.id);
      have.set(message.id, message);
    }
    const since = 10;
    for (let n = 11; n <= 30; n += 1) ids.push((await ann.send(room, `m${n}`)).id);
    await ann.ask('edit_message', { messageId: ids[1], content: 'edited' });
    await ann.ask('delete_message', { messageId: ids[2] });
    const bob = await stage.client('bob');
    await bob.join(room, since);
    t.like((await bob.wait('resync_required')).data, { reason: 'too_many_changes' });

    const answer = await stage.rest('bob').get(`/messages/room/${room}/changes?since=${since}`);
    t.is(answer.status, 200);
    t.is(answer.headers.get('content-type'), 'application/x-ndjson; charset=UTF-8');
    const lines = linesIn(answer.text);
    for (const line of lines) if (line.type === 'message') have.set(line.data.id, line.data);
    t.is(lines.length, 23);
    const end = lines.at(-1);
    t.deepEqual(end, { type: 'end', seq: 30, version: 32 });
    await ann.send(room, 'behind it');
    const from = bob.heard.length;
    for (const message of (await bob.join(room, 32)).messages) have.set(message.id, message);
    await bob.barrier();
    t.deepEqual(bob.all('resync_required', from), []);
    const { messages } = await stage.rest('ann').history(room);
    t.deepEqual(
      [...have.values()].sort((a, b) => a.seq - b.seq),
      messages,
    );
    t.is((await stage.rest('bob').get(`/messages/room/${room}/changes?since=99`)).status, 422);
    t.is((await stage.rest('bob').get(`/messages/room/${room}/changes?since=x`)).status, 400);
    t.is((await stage.rest('bob').call('HEAD', `/messages/room/${room}/changes`)).status, 200);
    t.is(await catchUps(stage), 0);
  },
);

test.serial('direct conversations have theirs', async (t) => {
  const [ann, bob] = [unique('ann'), unique('bob')];
  await stage.rest(ann).post('/messages', { receiver_id: bob, content: 'hello' });
  const answer = await stage.rest(bob).get(`/messages/direct/${ann}/changes`);
  t.like(linesIn(answer.text), [
    { type: 'message', data: { content: 'hello', room_id: null } },
    { type: 'end', seq: 1, version: 1 },
  ]);
});

test.serial(
  'law 9: one more than may be is refused with Retry-After; a client that goes away frees its place and its cursor',
  async (t) => {
    const room = unique('long');
    await longRoom(stage, room, 20_000, 'x'.repeat(500));
    const response = await opened(stage, room, 'bob');
    t.is(response.statusCode, 200);
    const refused = await stage.rest('cyd').get(`/messages/room/${room}/changes`);
    t.is(refused.status, 503);
    t.truthy(refused.headers.get('retry-after'));
    const again = await stage.rest('bob').get(`/messages/room/${room}/changes`);
    t.is(again.status, 429);
    response.destroy();
    const inspector = await stage.inspector();
    await eventually(async () => {
      const open = await inspector.rows(
        `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'message-handling-service catch-ups' AND state <> 'idle'`,
      );
      return open.length === 0 && (await catchUps(stage)) === 0;
    }, 'the end of the cursor');
    t.is(linesIn((await stage.rest('cyd').get(`/messages/room/${room}/changes?since=19990`)).text).length, 11);
  },
);

test.serial('200 MB go through a slow reader in order and whole, and the service does not grow by them', async (t) => {
  const length = 50_000;
  // A heap that is collected often: what it holds is then what is needed.
  const heap = ['--max-old-space-size=128', '--max-semi-space-size=2'];
  const own = await ownStage(t, { CATCH_UP_IDLE_MS: '60000' }, heap);
  const room = unique('huge');
  await longRoom(own, room, length, 'é'.repeat(2_000));
  // Whatever a first use allocates is not what is under test.
  await own.rest('ann').get(`/messages/room/${room}/changes?since=49000`);
  const inUse = async (): Promise<number> =>
    (await metricOf(own.url, 'nodejs_heap_size_used_bytes')) +
    (await metricOf(own.url, 'nodejs_external_memory_bytes'));
  const before = await inUse();
  const response = await opened(own, room, 'bob');
  let most = 0;
  let bytes = 0;
  let lines = 0;
  let asked = 0;
  let tail = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines += 1;
    tail = (tail + chunk.toString('latin1')).slice(-100);
    // The reader stops here while the service could go on reading; it is asked how much it holds.
    if (bytes > asked * 4_000_000) {
      asked += 1;
      most = Math.max(most, await inUse());
    }
  }
  t.true(bytes > 200_000_000, `${bytes} bytes`);
  t.is(lines, length + 1);
  t.true(tail.endsWith(`{"type":"end","seq":${length},"version":${length}}\n`), tail);
  t.true(asked > 20);
  const grown = most - before;
  t.log(`grew by ${Math.round(grown / 1e6)} MB at most over ${asked} looks`);
  t.true(grown < 60_000_000, `grew by ${grown} bytes`);
});

test.serial('law 10: a member who is removed in the middle gets no more than what was on its way', async (t) => {
  const room = unique('closed');
  const members = new Map<string, readonly string[]>([[room, ['ann', 'bob']]]);
  const neighbour = await openChatRooms(members);
  const own = await ownStage(t, { CHAT_ROOM_SERVICE_URL: neighbour.url, NEIGHBOUR_CACHE_TTL_MS: '0' });
  own.defer(() => neighbour.close());
  await longRoom(own, room, 20_000, 'x'.repeat(2_000));
  const response = await opened(own, room, 'bob');
  members.set(room, ['ann']);
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  const lines = linesIn(text);
  t.deepEqual(lines.at(-1), { type: 'error', code: 'NOT_FOUND', message: 'Room not found', retryable: false });
  t.true(lines.length < 15_000, `${lines.length} lines`);
  t.is((await own.rest('bob').get(`/messages/room/${room}/changes`)).status, 404);
});

test.serial('one that is not read is cut, without an end, and a drain does not wait for one', async (t) => {
  const own = await ownStage(t, { CATCH_UP_IDLE_MS: '300', SHUTDOWN_GRACE_MS: '30000' });
  const room = unique('unread');
  await longRoom(own, room, 20_000, 'x'.repeat(2_000));
  const response = await opened(own, room, 'bob');
  await eventually(async () => (await catchUps(own)) === 0, 'the end of the idle catch-up');
  let text = '';
  await t.throwsAsync(async () => {
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  });
  t.false(text.includes('"type":"end"'));

  await opened(own, room, 'bob');
  t.is((await own.service.stop()).code, 0);
});
