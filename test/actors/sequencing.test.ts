/** Sending, editing and deleting, case by case. */
import test from 'ava';
import { directKey } from '../../src/actors/protocol/ids.js';
import { edit, join, limits, newId, remove, room, send, typing, uuid } from './support/commands.js';
import { Host } from './support/host.js';

function host(): Host {
  return new Host(limits, room);
}

test('a message gets the next seq and version, is answered whole, and everybody hears it', (t) => {
  const room1 = host();
  room1.one(send('ann', 'first'));
  const command = send('bob', 'second', { clientMsgId: 'c1', metadata: '{"a":[1]}', senderDisplayName: 'Bob B.' });
  const step = room1.one(command, 2_000);
  t.like(step.body, {
    id: command.id,
    room_id: room,
    receiver_id: null,
    sender_id: 'bob',
    sender_display_name: 'Bob B.',
    content: 'second',
    message_type: 'text',
    seq: 2,
    version: 2,
    client_msg_id: 'c1',
    metadata: { a: [1] },
    is_delivered: false,
    created_at: '1970-01-01T00:00:02.000Z',
    updated_at: '1970-01-01T00:00:02.000Z',
  });
  t.deepEqual(step.heard, [['new_message', step.body, null]]);
  t.deepEqual(step.versions, [2]);
});

test('law 3: a retry is answered with the message as it is now, and nobody hears of it again', (t) => {
  const room1 = host();
  const command = send('ann', 'hello', { clientMsgId: 'c1' });
  room1.run([command, edit('ann', command.id, 'hello!')]);
  for (let again = 0; again < 2; again++) {
    const retry = room1.one(send('ann', 'hello', { clientMsgId: 'c1' }));
    t.like(retry.body, { id: command.id, seq: 1, version: 2, content: 'hello!' });
    t.deepEqual(retry.heard, []);
    room1.run([1, 2, 3, 4, 5].map((n) => send('bob', `fill ${n}`))); // now it lies behind the memory
  }
});

test('law 3: a retry within the frame of its original takes no place', (t) => {
  const room1 = host();
  const burst = Array.from({ length: 40 }, (_, n) => send('ann', `m${n}`, { clientMsgId: `c${n % 20}` }));
  const steps = room1.run(burst);
  t.is(room1.database.lastSeq, 20);
  steps.forEach((step, n) => t.is(step.body?.['id'], burst[n % 20]?.id));
});

test('the same client_msg_id of another sender is another message', (t) => {
  const room1 = host();
  const steps = room1.run([send('ann', 'a', { clientMsgId: 'c' }), send('bob', 'b', { clientMsgId: 'c' })]);
  t.deepEqual(
    steps.map((step) => step.body?.['seq']),
    [1, 2],
  );
});

test('a reply needs a message of this room that is not deleted, wherever it is kept', (t) => {
  const room1 = host();
  const first = send('ann', 'first');
  const gone = send('ann', 'gone');
  room1.run([first, gone, remove('ann', gone.id)]);
  t.is(room1.one(send('bob', 're', { replyTo: first.id.toUpperCase() })).body?.['reply_to'], first.id);
  t.is(room1.one(send('bob', 're', { replyTo: gone.id })).code, 'NOT_FOUND');
  t.is(room1.one(send('bob', 're', { replyTo: newId() })).code, 'NOT_FOUND');
  t.is(room1.one(send('bob', 're', { replyTo: 'nonsense' })).code, 'NOT_FOUND');
  room1.run([1, 2, 3, 4, 5].map((n) => send('bob', `fill ${n}`)));
  t.is(room1.one(send('bob', 're', { replyTo: first.id })).body?.['reply_to'], first.id);
  t.is(room1.one(send('bob', 're', { replyTo: gone.id })).code, 'NOT_FOUND');
});

test('law 3: the retry of a reply is answered though the message replied to was deleted meanwhile', (t) => {
  const room1 = host();
  const first = send('ann', 'first');
  const reply = send('bob', 'reply', { replyTo: first.id, clientMsgId: 'c1' });
  const retry = { ...reply, id: newId() };
  room1.run([first, reply]);
  room1.run([1, 2, 3, 4, 5].map((n) => send('bob', `fill ${n}`)));
  t.is(room1.run([remove('ann', first.id), retry])[1]?.body?.['id'], reply.id, 'in the frame of the delete');
  t.is(room1.one({ ...retry, id: newId() }).body?.['id'], reply.id, 'in a later frame');
  t.is(room1.one({ ...retry, id: newId(), clientMsgId: 'c2' }).code, 'NOT_FOUND');
});

test('createdAt never falls below that of the message before, though the clock steps back', (t) => {
  const room1 = host();
  const steps = [5_000, 1_000, 6_000].map((now) => room1.one(send('ann', 'x'), now));
  t.deepEqual(
    steps.map((step) => step.body?.['created_at']),
    ['1970-01-01T00:00:05.000Z', '1970-01-01T00:00:05.000Z', '1970-01-01T00:00:06.000Z'],
  );
});

test('a message ends the typing of its sender: the others hear the message first', (t) => {
  const room1 = host();
  room1.run([typing('ann'), typing('bob')]);
  const { heard } = room1.one(send('ann', 'done'));
  t.deepEqual(
    heard.map(([name, , except]) => [name, except]),
    [
      ['new_message', null],
      ['user_stopped_typing', 'ann'],
    ],
  );
});

test('an edit takes a version, an equal one does not', (t) => {
  const room1 = host();
  const message = send('ann', 'one');
  room1.one(message);
  const step = room1.one(edit('ann', message.id, 'two'), 3_000);
  t.like(step.body, { seq: 1, version: 2, content: 'two', edited_at: '1970-01-01T00:00:03.000Z' });
  t.deepEqual(step.heard, [['message_edited', step.body, null]]);
  const again = room1.one(edit('ann', message.id, 'two'), 4_000);
  t.deepEqual([again.body, again.heard, room1.database.lastVersion], [step.body, [], 2]);
});

test('a delete leaves a tombstone; a repetition succeeds without a new version', (t) => {
  const room1 = host();
  const message = send('ann', 'secret', { metadata: '{"also":"secret"}' });
  room1.one(message);
  const step = room1.one(remove('ann', message.id));
  t.deepEqual(step.body, { messageId: message.id, roomId: room, seq: 1, version: 2 });
  t.deepEqual(step.heard, [['message_deleted', step.body, null]]);
  t.deepEqual(room1.one(remove('ann', message.id)).body, step.body);
  t.is(room1.database.lastVersion, 2);
  const shown = JSON.stringify(room1.one(join('bob')));
  t.true(shown.includes('deleted_at') && !shown.includes('secret'));
});

for (const behind of [false, true])
  test(`who may change a message that is ${behind ? 'behind the memory' : 'in memory'}`, (t) => {
    const room1 = host();
    const message = send('ann', 'mine');
    const gone = send('ann', 'gone');
    room1.run([message, gone, remove('ann', gone.id)]);
    if (behind) room1.run([1, 2, 3, 4, 5].map((n) => send('bob', `fill ${n}`)));
    const { lastVersion } = room1.database;
    const cases = [
      [edit('bob', message.id, 'x'), 'FORBIDDEN'],
      [remove('bob', message.id), 'FORBIDDEN'],
      [remove('bob', gone.id), 'FORBIDDEN'],
      [edit('ann', gone.id, 'x'), 'NOT_FOUND'],
      [edit('bob', uuid(999_999), 'x'), 'NOT_FOUND'],
      [remove('bob', uuid(999_999)), 'NOT_FOUND'],
      [edit('ann', '1 OR 1=1', 'x'), 'NOT_FOUND'],
      [remove('ann', ''), 'NOT_FOUND'],
    ] as const;
    for (const [command, code] of cases) {
      const step = room1.one(command);
      t.deepEqual([step.code, step.heard], [code, []], command.kind);
    }
    t.is(room1.database.lastVersion, lastVersion);
    t.is(room1.one(edit('ann', message.id.toUpperCase(), 'changed')).body?.['content'], 'changed');
    t.is(room1.one(remove('ann', message.id)).code, null);
  });

test('law 10: a fact of another room is as if absent', (t) => {
  const { behaviour, state } = host();
  const other = host();
  const message = send('ann', 'elsewhere');
  other.one(message);
  const foreign = other.database.messages().map((each) => ({ ...each, key: 'other room', seq: 0 }));
  behaviour.supply(state, { messages: foreign, marks: [], changes: [] });
  const decision = behaviour.decide(state, remove('ann', message.id), 1, null);
  t.like(decision, { ok: false, rejection: { code: 'NOT_FOUND' } });
});

test('in a direct conversation roomId and room_id are null', (t) => {
  const key = directKey('ann', 'bob');
  const direct = new Host(limits, key);
  const message = { ...send('ann', 'psst', { receiverId: 'bob' }), key };
  t.like(direct.one(message).body, { room_id: null, receiver_id: 'bob' });
  t.like(direct.one({ ...remove('ann', message.id), key }).body, { roomId: null });
});
