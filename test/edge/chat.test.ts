/**
 * The operations: what reaches a room, what is refused before, and that nothing tells an absent id from an invisible one.
 * Long because it is one suite: each operation of the one facade has its case.
 */
import test from 'ava';
import { directKey } from '../../src/actors/protocol/ids.js';
import { reject } from '../../src/actors/rejections.js';
import type { Access, Verdict } from '../../src/edge/access.js';
import type { Chat, Done, Result } from '../../src/edge/port.js';
import { chatStage, finished, identity, membership, uuid } from './support/fakes.js';

const ann = identity('ann');
const eve = identity('eve');
const members = membership({ mine: ['ann'], theirs: ['bob'], ours: ['ann', 'bob', 'eve'] });

test('a send is in the mailbox before the call returns, with all that the room needs', (t) => {
  const { chat, rooms } = chatStage();
  let result: Result<Done> | null = null;
  chat.send(ann, { room_id: 'r', content: 'x', client_msg_id: 'c' }, (given) => {
    result = given;
  });
  t.is(rooms.commands.length, 1);
  t.like(rooms.commands[0], {
    kind: 'send',
    key: 'r',
    senderId: 'ann',
    senderName: 'name of ann',
    senderDisplayName: 'Ann A.',
    receiverId: null,
    content: 'x',
    messageType: 'text',
    clientMsgId: 'c',
    replyTo: null,
    metadata: null,
  });
  t.regex(rooms.commands[0]?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  t.like(result, { ok: true, value: { key: 'r', body: JSON.stringify(rooms.commands[0]), resync: null, at: 1 } });
});

test('a refusal of the room comes through, with a time to come back when that helps', async (t) => {
  const { chat, rooms } = chatStage();
  for (const [code, retryAfterMs] of [
    ['OVERLOADED', 1_000],
    ['DRAINING', 1_000],
    ['UNPROCESSABLE', undefined],
  ] as const) {
    rooms.answer = () => ({ ok: false, rejection: reject(code) });
    const result = await finished((finish) => chat.send(ann, { room_id: 'r', content: 'x' }, finish));
    t.deepEqual(result, {
      ok: false,
      rejection: reject(code),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
});

test('sends, edits and deletes share one allowance, everything else another', async (t) => {
  const { chat, rooms } = chatStage({
    RATE_LIMIT_ENABLED: 'true',
    SEND_RATE: '1',
    SEND_BURST: '3',
    EVENT_RATE: '1',
    EVENT_BURST: '2',
  });
  const messageId = uuid(1);
  const roomId = 'r';
  t.true((await finished((finish) => chat.send(ann, { room_id: 'r', content: 'x' }, finish))).ok);
  t.true((await finished((finish) => chat.edit(ann, { messageId, roomId, content: 'y' }, finish))).ok);
  t.true((await finished((finish) => chat.remove(ann, { messageId, roomId }, finish))).ok);
  const refused = await finished((finish) => chat.send(ann, { room_id: 'r', content: 'x' }, finish));
  t.like(refused, { ok: false, rejection: { code: 'RATE_LIMITED' } });
  if (!refused.ok) t.is(refused.retryAfterMs, 1_000);
  t.is(rooms.commands.length, 3);
  t.true((await chat.history(ann, { roomId })).ok);
  t.true((await chat.unread(ann, { roomId })).ok);
  t.like(await chat.mark(ann, 'read', { messageIds: [messageId], roomId }), { rejection: { code: 'RATE_LIMITED' } });
  t.true((await finished((finish) => chat.send(eve, { room_id: 'r', content: 'x' }, finish))).ok, 'another user');
});

test('in a room that one may not see nothing happens and nothing is told, whatever is asked', async (t) => {
  const { chat, rooms, reads } = chatStage({}, members);
  reads.add('theirs', uuid(1), 'bob');
  const room = { ok: false, rejection: { code: 'NOT_FOUND', message: 'Room not found' } };
  for (const roomId of ['theirs', 'no such room']) {
    t.deepEqual(await finished((f) => chat.send(ann, { room_id: roomId, content: 'x' }, f)), room);
    t.deepEqual(await finished((f) => chat.join(ann, 's', { roomId }, f)), room);
    t.deepEqual(await finished((f) => chat.typing(ann, { roomId }, f)), room);
    t.deepEqual(await finished((f) => chat.stopTyping(ann, { roomId }, f)), room);
    t.deepEqual(await finished((f) => chat.typingUsers(ann, { roomId }, f)), room);
    t.deepEqual(await chat.history(ann, { roomId }), room);
    t.deepEqual(await chat.unread(ann, { roomId }), room);
  }
  t.deepEqual(rooms.commands, []);
  t.deepEqual(reads.calls, []);
});

test('a message that one may not see answers exactly like one that does not exist', async (t) => {
  const { chat, rooms, reads } = chatStage({}, members);
  reads.add('theirs', uuid(1), 'bob');
  reads.add(directKey('bob', 'cid'), uuid(2), 'bob');
  // The words of the room itself must not tell either.
  rooms.answer = () => ({ ok: false, rejection: reject('NOT_FOUND', 'No message of this room has that id') });
  const absent = { ok: false, rejection: { code: 'NOT_FOUND', message: 'Message not found' } };
  const cases = [
    { messageId: uuid(1) },
    { messageId: uuid(2) },
    { messageId: uuid(9) },
    { messageId: 'no id' },
    { messageId: uuid(1), roomId: 'theirs' },
    { messageId: uuid(9), roomId: 'theirs' },
    { messageId: uuid(1), roomId: 'mine' },
    { messageId: uuid(9), roomId: 'mine' },
    { messageId: uuid(9), roomId: 'no such room' },
  ];
  for (const input of cases) {
    t.deepEqual(await finished((f) => chat.remove(ann, input, f)), absent, JSON.stringify(input));
    t.deepEqual(await finished((f) => chat.edit(ann, { ...input, content: 'x' }, f)), absent, JSON.stringify(input));
    const { messageId, ...room } = input;
    for (const level of ['read', 'delivered'] as const) {
      t.deepEqual(await chat.mark(ann, level, { messageIds: [messageId], ...room }), absent, JSON.stringify(input));
      t.deepEqual(await chat.markAndList(ann, level, { messageIds: [messageId], ...room }), absent);
    }
  }
  t.true(
    rooms.commands.every(({ key }) => key === 'mine'),
    'no command went to a room of others',
  );
});

test('a message is found without its room, once: the store is asked, then memory', async (t) => {
  const { chat, rooms, reads } = chatStage({}, members);
  reads.add(directKey('ann', 'bob'), uuid(1));
  for (let n = 0; n < 3; n += 1) t.true((await finished((f) => chat.remove(ann, { messageId: uuid(1) }, f))).ok);
  t.deepEqual(
    rooms.commands.map(({ kind, key }) => [kind, key]),
    Array(3).fill(['delete', directKey('ann', 'bob')]),
  );
  t.deepEqual(reads.calls, ['locate']);
  t.true((await finished((f) => chat.send(ann, { room_id: 'mine', content: 'x' }, f))).ok);
  const messageId = rooms.commands.at(-1)?.id ?? '';
  t.true((await finished((f) => chat.edit(ann, { messageId, content: 'y' }, f))).ok);
  t.like(rooms.commands.at(-1), { kind: 'edit', key: 'mine', messageId, content: 'y', userId: 'ann' });
  t.deepEqual(reads.calls, ['locate'], 'what was just sent is known');
});

test('marks go to every conversation that the ids name, without those one may not see', async (t) => {
  const { chat, rooms, reads } = chatStage({}, members);
  reads.add('mine', uuid(1));
  reads.add('ours', uuid(2));
  reads.add('mine', uuid(3));
  reads.add('theirs', uuid(4));
  const result = await chat.mark(ann, 'read', { messageIds: [1, 2, 3, 4, 5].map(uuid) });
  t.true(result.ok);
  t.deepEqual(
    rooms.commands.map(
      (command) => command.kind === 'mark' && [command.key, command.messageIds, command.level, command.upTo],
    ),
    [
      ['mine', [uuid(1), uuid(3)], 'read', null],
      ['ours', [uuid(2)], 'read', null],
    ],
  );
  t.true((await chat.mark(ann, 'delivered', { roomId: 'mine', upTo: 7 })).ok);
  t.like(rooms.commands.at(-1), { kind: 'mark', key: 'mine', level: 'delivered', upTo: 7 });
});

test('a mark that a room refuses for its state is refused as a whole, to be repeated', async (t) => {
  const { chat, rooms, reads } = chatStage();
  reads.add('a', uuid(1));
  reads.add('b', uuid(2));
  rooms.answer = (command) =>
    command.key === 'b'
      ? { ok: false, rejection: reject('OVERLOADED') }
      : { ok: true, answer: { body: '{"from":0,"upTo":1}', resync: null } };
  t.like(await chat.mark(ann, 'read', { messageIds: [uuid(1), uuid(2)] }), { ok: false, retryAfterMs: 1_000 });
});

test('markAndList answers with the messages newly covered, and none for a repetition', async (t) => {
  const { chat, rooms, reads } = chatStage();
  for (let n = 1; n <= 4; n += 1) reads.add('r', uuid(n), n === 2 ? 'ann' : 'bob', { metadata: '{"a":1}' });
  rooms.answer = () => ({
    ok: true,
    answer: { body: '{"roomId":"r","messageIds":[],"from":1,"upTo":3}', resync: null },
  });
  const result = await chat.markAndList(ann, 'read', { messageIds: [uuid(3)], roomId: 'r' });
  t.true(result.ok);
  if (result.ok) t.like(JSON.parse(result.value), [{ id: uuid(3), metadata: { a: 1 } }]);
  rooms.answer = () => ({
    ok: true,
    answer: { body: '{"roomId":"r","messageIds":[],"from":3,"upTo":3}', resync: null },
  });
  t.deepEqual(await chat.markAndList(ann, 'read', { messageIds: [uuid(3)] }), { ok: true, value: '[]' });
});

test('pages say where the next older and newer ones begin', async (t) => {
  const { chat, reads } = chatStage();
  for (let n = 1; n <= 5; n += 1) reads.add('r', uuid(n));
  const ends = async (input: object): Promise<unknown> => {
    const result = await chat.history(ann, { roomId: 'r', limit: 2, ...input });
    if (!result.ok) return result;
    const { data, pagination } = JSON.parse(result.value) as {
      data: { seq: number }[];
      pagination: Record<string, number | null>;
    };
    const { next, prev, total, offset } = pagination;
    return [data.map(({ seq }) => seq), next, prev, total, offset];
  };
  t.deepEqual(await ends({}), [[4, 5], 4, null, 5, 0]);
  t.deepEqual(await ends({ before: 4 }), [[2, 3], 2, 3, 5, null]);
  t.deepEqual(await ends({ before: 2 }), [[1], null, 1, 5, null]);
  t.deepEqual(await ends({ after: 3 }), [[4, 5], 4, null, 5, null]);
  t.deepEqual(await ends({ after: 9 }), [[], 6, null, 5, null]);
  t.deepEqual(await ends({ before: 1 }), [[], null, 0, 5, null]);
  t.deepEqual(await ends({ offset: 5 }), [[], null, 0, 5, 5]);
  t.deepEqual(await ends({ roomId: 'empty' }), [[], null, null, 0, 0]);
});

test('a failing store is a retryable refusal without a word of why, logged once', async (t) => {
  const { chat, reads, lines } = chatStage();
  reads.failing = new Error('connection to 10.0.0.1 refused');
  const refused = { ok: false, rejection: reject('UNAVAILABLE'), retryAfterMs: 1_000 };
  for (let n = 0; n < 20; n += 1) {
    t.deepEqual(await chat.history(ann, { roomId: 'r' }), refused);
    t.deepEqual(await finished((f) => chat.remove(ann, { messageId: uuid(1) }, f)), refused);
    t.deepEqual(await chat.mark(ann, 'read', { messageIds: [uuid(1)] }), refused);
  }
  t.deepEqual(
    lines.map(({ kind }) => kind),
    ['read_page', 'read_locate'],
  );
});

test('a store that hangs is given up after the deadline', async (t) => {
  const { chat, reads } = chatStage({ REPLY_DEADLINE_MS: '100' });
  reads.hanging = true;
  t.like(await chat.history(ann, { roomId: 'r' }), { ok: false, rejection: { code: 'UNAVAILABLE' } });
});

/** Answers only when told to. */
function slowAccess(): { readonly access: Access; readonly settle: (verdict: Verdict) => void } {
  const waiting: ((verdict: Verdict) => void)[] = [];
  return {
    access: {
      may: () => new Promise((resolve) => void waiting.push(resolve)),
      revoked: () => undefined,
      revokedAll: () => undefined,
    },
    settle: (verdict) => {
      for (const resolve of waiting.splice(0)) resolve(verdict);
    },
  };
}

test('sends that wait for access keep their order', async (t) => {
  const { access, settle } = slowAccess();
  const { chat, rooms } = chatStage({}, access);
  const sent = Array.from({ length: 50 }, (_, n) =>
    finished((f) => chat.send(ann, { room_id: 'r', content: `${n}` }, f)),
  );
  t.is(rooms.commands.length, 0);
  settle('yes');
  await Promise.all(sent);
  t.deepEqual(
    rooms.commands.map((command) => command.kind === 'send' && command.content),
    sent.map((_, n) => `${n}`),
  );
});

test('when nobody knows who may enter, the refusal says to come back; more than may wait are refused at once', async (t) => {
  const { access, settle } = slowAccess();
  const { chat, rooms } = chatStage({ MAILBOX_CAPACITY: '16', MAILBOX_LOW_MARK: '8' }, access);
  const send = (): Promise<Result<Done>> => finished((f) => chat.send(ann, { room_id: 'r', content: 'x' }, f));
  const waiting = Array.from({ length: 16 }, send);
  t.like(await send(), { ok: false, rejection: { code: 'OVERLOADED' } });
  settle('unknown');
  for (const result of await Promise.all(waiting))
    t.like(result, { rejection: { code: 'UNAVAILABLE' }, retryAfterMs: 1_000 });
  const late = send();
  settle('no');
  t.like(await late, { rejection: { code: 'NOT_FOUND' } });
  t.is(rooms.commands.length, 0);
});

test('whoever may not enter any more may still leave, and a departure is told until a room hears it', async (t) => {
  const { chat, rooms } = chatStage({}, members);
  t.true((await finished((f) => chat.leave(ann, 's1', { roomId: 'theirs' }, f))).ok);
  t.like(rooms.commands[0], { kind: 'leave', key: 'theirs', userId: 'ann', socketId: 's1' });
  let told = 0;
  const heard = new Promise<void>((resolve) => {
    rooms.answer = (command) => {
      told += 1;
      if (told < 3) return { ok: false, rejection: reject('OVERLOADED') };
      t.like(command, { kind: 'leave', key: 'theirs', socketId: 's2' });
      resolve();
      return { ok: true, answer: { body: '{}', resync: null } };
    };
  });
  chat.depart('ann', 's2', 'theirs');
  t.is(told, 1);
  // The timer of a departure does not keep a process alive; the test's own does.
  const alive = setInterval(() => undefined, 1_000);
  await heard;
  clearInterval(alive);
  t.is(told, 3);
});

test('raw input of any shape finishes once and never throws', async (t) => {
  const { chat, rooms } = chatStage();
  for (const input of [
    undefined,
    null,
    5,
    'x',
    [],
    [[]],
    Buffer.from('x'),
    () => 1,
    { messageId: {} },
    { roomId: [] },
  ]) {
    for (const operation of ['send', 'edit', 'remove', 'typing', 'stopTyping', 'typingUsers'] as const)
      t.like(await finished((f) => chat[operation](ann, input, f)), { ok: false, rejection: { code: 'VALIDATION' } });
    for (const operation of ['join', 'leave'] as const)
      t.like(await finished((f) => chat[operation](ann, 's', input, f)), {
        ok: false,
        rejection: { code: 'VALIDATION' },
      });
    for (const result of [
      await chat.history(ann, input),
      await chat.unread(ann, input),
      await chat.mark(ann, 'read', input),
    ])
      t.like(result, { ok: false, rejection: { code: 'VALIDATION' } });
  }
  t.deepEqual(rooms.commands, []);
});

test('what is refused for its input costs a request, whatever it was to be', async (t) => {
  const calls: readonly ((chat: Chat) => Promise<Result<unknown>>)[] = [
    (chat) => finished((f) => chat.send(ann, {}, f)),
    (chat) => finished((f) => chat.edit(ann, { messageId: 7 }, f)),
    (chat) => finished((f) => chat.remove(ann, null, f)),
    (chat) => finished((f) => chat.join(ann, 's', {}, f)),
    (chat) => finished((f) => chat.leave(ann, 's', {}, f)),
    (chat) => finished((f) => chat.typing(ann, {}, f)),
    (chat) => chat.mark(ann, 'read', {}),
    (chat) => chat.history(ann, {}),
    (chat) => chat.unread(ann, {}),
  ];
  for (const call of calls) {
    const { chat } = chatStage({ RATE_LIMIT_ENABLED: 'true', EVENT_RATE: '1', EVENT_BURST: '2' });
    const codes: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const result = await call(chat);
      codes.push(result.ok ? 'ok' : result.rejection.code);
    }
    t.deepEqual(codes, ['VALIDATION', 'VALIDATION', 'RATE_LIMITED'], call.toString());
    t.true((await finished((f) => chat.send(ann, { room_id: 'r', content: 'x' }, f))).ok, 'sends have their own rate');
  }
});

test('marks over several rooms cost a request for each', async (t) => {
  const stage = chatStage({ RATE_LIMIT_ENABLED: 'true', EVENT_RATE: '1', EVENT_BURST: '60' });
  const { chat, rooms, reads } = stage;
  for (let n = 1; n <= 51; n += 1) reads.add(`r${n}`, uuid(n), 'bob');
  const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => uuid(n + 1));
  const mark = async (count: number): Promise<string> => {
    const result = await chat.mark(ann, 'read', { messageIds: ids(count) });
    return result.ok ? String(result.value.length) : result.rejection.code;
  };
  t.is(await mark(50), '50');
  t.is(await mark(11), 'RATE_LIMITED', 'ten were left, and the first of them was spent');
  t.is(await mark(9), '9');
  t.is(await mark(1), 'RATE_LIMITED');
  t.is(rooms.commands.length, 59);
});

test('what was newly covered in many rooms is read a few rooms at a time, and told in their order', async (t) => {
  const { chat, rooms, reads } = chatStage();
  const ids = Array.from({ length: 10 }, (_, n) => uuid(n + 1));
  for (const [n, id] of ids.entries()) reads.add(`r${n}`, id, 'bob');
  rooms.answer = () => ({
    ok: true,
    answer: { body: '{"roomId":"r","messageIds":[],"from":0,"upTo":1}', resync: null },
  });
  const covered = reads.covered.bind(reads);
  let running = 0;
  let most = 0;
  reads.covered = async (...asked) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return covered(...asked);
  };
  const result = await chat.markAndList(ann, 'read', { messageIds: ids });
  t.true(result.ok);
  if (result.ok)
    t.deepEqual(
      (JSON.parse(result.value) as { id: string }[]).map(({ id }) => id),
      ids,
    );
  t.is(most, 4);
});

test('a departure is told until the room has answered, unless the socket has come back', async (t) => {
  const { chat, rooms } = chatStage();
  const told: string[] = [];
  const both = new Promise<void>((resolve) => {
    rooms.answer = (command) => {
      told.push(command.key);
      const first = told.filter((key) => key === command.key).length === 1;
      if (command.key === 'last' && !first) resolve();
      return first
        ? { ok: false, rejection: reject('UNAVAILABLE') }
        : { ok: true, answer: { body: '{}', resync: null } };
    };
  });
  let back = false;
  chat.depart('ann', 's', 'gone');
  chat.depart('ann', 's', 'back', () => back);
  chat.depart('ann', 's', 'there', () => true);
  chat.depart('ann', 's', 'last', () => false);
  back = true;
  await both;
  t.deepEqual(told, ['gone', 'back', 'last', 'gone', 'last']);
});
