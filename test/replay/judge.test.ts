/** The judges of the replay and of the fault tests must be able to fail: each is shown tampered records and must say so. */
import test from 'ava';
import type { Heard } from '../harness/client.js';
import { checkHistory, checkPromises, checkStream, type Fault } from '../harness/laws.js';
import type { RoomJoined, WireMessage } from '../harness/wire.js';
import { Ledger } from './ledger.js';
import { passed, percentile, type Outcome } from './report.js';
import { checkCatchUp } from './speaker.js';
import { checkStored } from './verify.js';

function message(seq: number, more: Partial<WireMessage> = {}): WireMessage {
  const at = new Date(0).toISOString();
  return {
    id: `id-${seq}`,
    room_id: 'room',
    receiver_id: null,
    sender_id: 'ann',
    sender_name: 'ann',
    sender_display_name: 'ann',
    username: 'ann',
    content: `text ${seq}`,
    message_type: 'text',
    seq,
    version: seq,
    is_delivered: false,
    is_read: false,
    delivered_count: 0,
    read_count: 0,
    created_at: at,
    updated_at: at,
    ...more,
  };
}

function joined(messages: readonly WireMessage[], head: number): Heard {
  return {
    event: 'room_joined',
    data: { roomId: 'room', messages, success: true, seq: head, version: head, unread: 0 },
  };
}

function created(seq: number): Heard {
  return { event: 'new_message', data: message(seq) };
}

function stream(...heard: readonly Heard[]): Fault[] {
  return checkStream(heard).map(({ fault }) => fault);
}

test('a whole stream passes, edits and deletions included', (t) => {
  const edited = { event: 'message_edited', data: message(1, { version: 4 }) };
  const deleted = { event: 'message_deleted', data: { messageId: 'id-1', roomId: 'room', seq: 1, version: 5 } };
  const next = { event: 'new_message', data: message(4, { version: 6 }) };
  t.deepEqual(stream(joined([message(1)], 1), created(2), created(3), edited, deleted, next), []);
});

const streams: readonly (readonly [string, readonly Heard[], Fault])[] = [
  ['a message left out', [joined([], 0), created(1), created(3)], 'lost'],
  ['a message that comes twice', [joined([], 0), created(1), created(1)], 'doubled'],
  ['a message after its successor', [joined([], 0), created(2), created(1)], 'disorder'],
  ['a hole between the snapshot and the stream', [joined([message(1)], 1), created(3)], 'lost'],
  ['a message of the snapshot that comes again', [joined([message(1)], 1), created(1)], 'doubled'],
  ['a snapshot in the wrong order', [joined([message(2), message(1)], 2)], 'disorder'],
  ['a snapshot beyond the head it tells', [joined([message(2)], 1)], 'disorder'],
  [
    'an edit left out',
    [joined([message(1)], 1), { event: 'message_edited', data: message(1, { version: 3 }) }],
    'lost',
  ],
  [
    'a deletion that comes twice',
    [
      joined([message(1)], 1),
      { event: 'message_deleted', data: { messageId: 'id-1', roomId: 'room', seq: 1, version: 2 } },
      { event: 'message_deleted', data: { messageId: 'id-1', roomId: 'room', seq: 1, version: 2 } },
    ],
    'doubled',
  ],
];
for (const [name, heard, fault] of streams)
  test(`${name} is seen`, (t) => {
    t.true(stream(...heard).includes(fault), `expected ${fault}, got ${stream(...heard).join(', ')}`);
  });

test('a history is seen to have a hole, a double, a swap, or a wrong total', (t) => {
  const faults = (seqs: readonly number[], total?: number): Fault[] =>
    checkHistory(
      'room',
      seqs.map((seq) => message(seq)),
      total,
    ).map(({ fault }) => fault);
  t.deepEqual(faults([1, 2, 3]), []);
  t.true(faults([1, 3]).includes('lost'));
  t.true(faults([2, 3]).includes('lost'));
  t.true(faults([1, 1, 2]).includes('doubled'));
  t.true(faults([2, 1]).includes('disorder'));
  t.true(faults([1, 2], 3).includes('lost'));
});

test('an acked message is seen to be missing, moved or changed', (t) => {
  const promised = [{ id: 'id-2', seq: 2, content: 'text 2' }];
  const fault = (messages: readonly WireMessage[]): Fault | undefined =>
    checkPromises('room', promised, messages)[0]?.fault;
  t.is(fault([message(1), message(2)]), undefined);
  t.is(fault([message(1)]), 'lost');
  t.is(fault([message(1, { id: 'id-2', content: 'text 2' })]), 'disorder');
  t.is(fault([message(1), message(2, { content: 'other' })]), 'changed');
});

test('a catch-up is seen to lack something or to bring too much', (t) => {
  const faults = (messages: readonly WireMessage[], version: number): Fault[] => {
    const arrival: RoomJoined = { roomId: 'room', messages, success: true, seq: version, version, unread: 0 };
    return checkCatchUp('room', 1, arrival).map(({ fault }) => fault);
  };
  t.deepEqual(faults([message(2), message(3)], 3), []);
  t.deepEqual(faults([], 1), []);
  t.true(faults([message(2)], 3).includes('lost'));
  t.true(faults([message(3)], 3).includes('lost'));
  t.true(faults([message(1), message(2), message(3)], 3).includes('doubled'));
});

function ledgerOf(seqs: readonly number[]): Ledger {
  const ledger = new Ledger();
  for (const seq of seqs)
    ledger.ack({ clientMsgId: `c-${seq}`, nick: 'ann', content: `text ${seq}`, id: `id-${seq}`, seq }, 1);
  return ledger;
}

function outcome(ledger: Ledger, said: number): Outcome {
  const played = { present: [], nicks: 1, mostClients: 1, skipped: 0, split: 0, said };
  return { log: 'log', room: 'room', entries: said, played, ledger, stored: said };
}

test('a replay passes only with a history that is exactly what was acked', (t) => {
  const tampered: readonly (readonly [string, readonly WireMessage[]])[] = [
    ['one missing', [message(1), message(2)]],
    ['one more', [message(1), message(2), message(3), message(4)]],
    ['two swapped', [message(1), message(2, { id: 'id-3' }), message(3, { id: 'id-2' })]],
    ['one changed', [message(1), message(2, { content: 'changed' }), message(3)]],
  ];
  const whole = ledgerOf([1, 2, 3]);
  checkStored('room', whole, [message(1), message(2), message(3)], 3);
  t.true(passed(outcome(whole, 3)));
  for (const [name, messages] of tampered) {
    const ledger = ledgerOf([1, 2, 3]);
    checkStored('room', ledger, messages, messages.length);
    t.false(passed(outcome(ledger, 3)), name);
  }
});

test('a replay does not pass when a line was never acked, or a nick was reordered, or two clients saw different things', (t) => {
  t.false(passed(outcome(ledgerOf([1, 2]), 3)));
  const swapped = ledgerOf([2, 1]);
  checkStored('room', swapped, [message(1), message(2)], 2);
  t.false(passed(outcome(swapped, 2)));
  const torn = ledgerOf([1]);
  torn.saw('room', message(1));
  torn.saw('room', message(1, { id: 'other' }));
  t.false(passed(outcome(torn, 1)));
});

test('percentiles are those of the sorted samples', (t) => {
  t.is(percentile([], 0.5), 0);
  t.is(percentile([3, 1, 2], 0.5), 2);
  t.is(
    percentile(
      Array.from({ length: 100 }, (_, at) => at + 1),
      0.99,
    ),
    100,
  );
});
