/** Catch-ups of any length: their lines, their bounds, and how they end. */
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { ChangeLines, Identity } from '../../src/edge/port.js';
import type { Access } from '../../src/edge/access.js';
import { chatStage, identity, membership, uuid, type ChatStage } from './support/fakes.js';

const ann = identity('ann');

function filled(env: Readonly<Record<string, string>> = {}, access?: Access): ChatStage {
  const stage = chatStage(env, access);
  for (let n = 1; n <= 5; n += 1) stage.reads.add('r', uuid(n), 'ann', n === 4 ? { content: '', deletedAt: 9 } : {});
  return stage;
}

async function opened({ chat }: ChatStage, caller: Identity, since?: number): Promise<ChangeLines> {
  const lines = await chat.changes(caller, { roomId: 'r', ...(since === undefined ? {} : { since }) });
  if (!lines.ok) throw new Error(lines.rejection.code);
  return lines.value;
}

async function read(lines: ChangeLines): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for (let chunk = await lines.next(); chunk !== null; chunk = await lines.next())
    for (const line of chunk.trimEnd().split('\n')) all.push(JSON.parse(line) as Record<string, unknown>);
  return all;
}

test('every changed message comes in a line, and the last line says where one is then', async (t) => {
  const stage = filled();
  const lines = await read(await opened(stage, ann, 2));
  t.deepEqual(
    lines.map(({ type }) => type),
    ['message', 'message', 'message', 'end'],
  );
  t.like(lines[1], { data: { seq: 4, content: '', deleted_at: new Date(9).toISOString() } });
  t.deepEqual(lines.at(-1), { type: 'end', seq: 5, version: 5 });
  t.deepEqual(await read(await opened(stage, ann, 5)), [{ type: 'end', seq: 5, version: 5 }]);
  t.is((await read(await opened(stage, ann))).length, 6, 'without since everything');
  t.deepEqual(stage.reads.streams, { opened: 3, closed: 3 });
});

test('nothing is read before it is asked for', async (t) => {
  const stage = filled();
  const lines = await opened(stage, ann);
  t.deepEqual(stage.reads.calls, ['changeStream']);
  await lines.next();
  t.deepEqual(stage.reads.calls, ['changeStream', 'changes']);
  lines.close();
  lines.close();
  t.is(await lines.next(), null);
  t.deepEqual(stage.reads.streams, { opened: 1, closed: 1 });
});

test('a version that the room never had is refused, and nothing stays open', async (t) => {
  const stage = filled();
  t.like(await stage.chat.changes(ann, { roomId: 'r', since: 6 }), { rejection: { code: 'UNPROCESSABLE' } });
  t.deepEqual(stage.reads.streams, { opened: 1, closed: 1 });
  t.is((await read(await opened(stage, ann))).length, 6, 'its place is free again');
});

test('law 9: one at a time per user, so many at once in all, and each gives its place back', async (t) => {
  const stage = filled({ CATCH_UP_STREAMS: '2' });
  const first = await opened(stage, ann);
  t.like(await stage.chat.changes(ann, { roomId: 'r' }), { rejection: { code: 'RATE_LIMITED' }, retryAfterMs: 1_000 });
  const second = await opened(stage, identity('bob'));
  t.like(await stage.chat.changes(identity('cyd'), { roomId: 'r' }), {
    rejection: { code: 'OVERLOADED' },
    retryAfterMs: 1_000,
  });
  t.is(stage.chat.counts().catchUps, 2);
  first.close();
  await read(second);
  t.is(stage.chat.counts().catchUps, 0);
  stage.reads.failing = new Error('down');
  t.like(await stage.chat.changes(ann, { roomId: 'r' }), { rejection: { code: 'UNAVAILABLE' } });
  t.is(stage.chat.counts().catchUps, 0);
});

test('law 10: it is refused without access, and ends where access ends, without what was read last', async (t) => {
  const members: Record<string, string[]> = { r: ['ann'] };
  const stage = filled({}, membership(members));
  const absent = { code: 'NOT_FOUND', message: 'Room not found' };
  t.like(await stage.chat.changes(identity('eve'), { roomId: 'r' }), { rejection: absent });
  t.deepEqual(stage.reads.calls, []);
  const lines = await opened(stage, ann);
  t.is((await lines.next())?.split('\n').length, 3);
  members['r'] = [];
  t.deepEqual(await read(lines), [{ type: 'error', ...absent, retryable: false }]);
  t.deepEqual(stage.reads.streams, { opened: 1, closed: 1 });
});

test('it ends with the token, and with a store that fails, and says so', async (t) => {
  const stage = filled();
  const expiring = await opened(stage, { ...ann, expiresAt: Date.now() - 1 });
  t.like(await read(expiring), [{ type: 'error', code: 'TOKEN_EXPIRED', retryable: false }]);
  const lines = await opened(stage, ann);
  await lines.next();
  stage.reads.failing = new Error('connection to 10.0.0.1 refused');
  t.deepEqual(await read(lines), [
    { type: 'error', code: 'UNAVAILABLE', message: 'Temporarily unavailable, try again shortly', retryable: true },
  ]);
  t.deepEqual(stage.reads.streams, { opened: 2, closed: 2 });
});

test('one that nobody reads is closed, and one that takes too long ends', async (t) => {
  const stage = filled({ CATCH_UP_IDLE_MS: '100', CATCH_UP_STREAM_MS: '1000' });
  const unread = await opened(stage, ann);
  await new Promise<void>((resolve) => unread.onLapse(resolve));
  t.is(await unread.next(), null);
  t.is(stage.chat.counts().catchUps, 0);

  const slow = await opened(stage, ann);
  for (let n = 6; n <= 400; n += 1) stage.reads.add('r', uuid(n));
  const long = await opened(stage, identity('bob'));
  slow.close();
  let last = '';
  for (let chunk = await long.next(); chunk !== null; chunk = await long.next()) {
    last = chunk;
    // Read in time, but not fast enough: it is the time that is under test.
    await pause(50);
  }
  t.like(JSON.parse(last), { type: 'error', code: 'UNAVAILABLE', retryable: true });
});
