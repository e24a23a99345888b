/** The checks over histories written by hand: a sound one passes, and each way of breaking a law is seen and named. */
import test from 'ava';
import { judge } from './check/judge.js';
import { figuresOf } from './figures.js';
import type { Entry, Seen, Timed } from './history.js';

const room = 'room';
const member = { user: 'ann', session: 'ann#1', room } as const;

function message(seq: number, version = seq, content = `text ${seq}`): Seen {
  return { id: `id-${seq}`, seq, version, content, deleted: content === '' };
}

/** ann sends two messages, bob hears them; the second is deleted. */
function sound(): Entry[] {
  const deleted = message(2, 3, '');
  return [
    {
      type: 'run',
      nemesis: 'none',
      seed: 1,
      nodes: 1,
      members: { room: ['ann', 'bob'] },
      guests: {},
      integration: false,
    },
    { type: 'invoke', op: 1, kind: 'join', ...member },
    { type: 'joined', ...member, op: 1, since: null, seq: 0, version: 0, messages: [] },
    { type: 'invoke', op: 2, kind: 'join', user: 'bob', session: 'bob#1', room },
    { type: 'joined', user: 'bob', session: 'bob#1', room, op: 2, since: null, seq: 0, version: 0, messages: [] },
    { type: 'invoke', op: 3, kind: 'send', ...member, name: 'a', content: 'text 1' },
    { type: 'ok', op: 3, message: message(1) },
    { type: 'invoke', op: 4, kind: 'send', ...member, name: 'b', content: 'text 2' },
    { type: 'ok', op: 4, message: message(2) },
    ...['ann', 'bob'].flatMap((user): Entry[] => [
      { type: 'heard', event: 'new_message', user, session: `${user}#1`, room, message: message(1) },
      { type: 'heard', event: 'new_message', user, session: `${user}#1`, room, message: message(2) },
      { type: 'heard', event: 'message_deleted', user, session: `${user}#1`, room, message: deleted },
    ]),
    { type: 'invoke', op: 5, kind: 'delete', ...member, id: 'id-2', content: '' },
    { type: 'ok', op: 5, message: deleted },
    { type: 'invoke', op: 6, kind: 'read', user: 'bob', session: 'bob#1', room, id: 'id-1' },
    { type: 'ok', op: 6, upTo: 1 },
    { type: 'invoke', op: 7, kind: 'page', ...member },
    { type: 'ok', op: 7, after: 0, messages: [message(1), deleted] },
    { type: 'stored_room', room, seq: 2, version: 3 },
    { type: 'stored', room, sender: 'ann', name: 'a', message: message(1) },
    { type: 'stored', room, sender: 'ann', name: 'b', message: deleted },
    { type: 'stored_receipt', room, user: 'bob', delivered: 1, read: 1 },
  ];
}

function timed(entries: readonly Entry[]): Timed[] {
  return entries.map((entry, t) => ({ t, ...entry }));
}

/** The faults found, each once, as `law fault`. */
function found(entries: readonly Entry[]): string[] {
  return [...new Set(judge(timed(entries)).map(({ law, fault }) => `${law} ${fault}`))].sort();
}

/** The sound history with every entry that matches replaced. */
function tampered(matches: (entry: Entry) => boolean, by: (entry: Entry) => Entry[]): Entry[] {
  return sound().flatMap((entry) => (matches(entry) ? by(entry) : [entry]));
}

const heardBy = (user: string, version: number) => (entry: Entry) =>
  entry.type === 'heard' && entry.user === user && entry.message.version === version;
const ackOf = (op: number) => (entry: Entry) => entry.type === 'ok' && entry.op === op;
const stored = (seq: number) => (entry: Entry) => entry.type === 'stored' && entry.message.seq === seq;
const gone = (): Entry[] => [];
const twice = (entry: Entry): Entry[] => [entry, entry];

test('a sound history passes, and its figures count what was acked', (t) => {
  t.deepEqual(found(sound()), []);
  t.like(figuresOf(timed(sound()), []), { acked: 2, refused: 0, unanswered: 0, reconnects: 0 });
});

test('what was acked and is not stored is lost', (t) => {
  t.true(found(tampered(stored(1), gone)).includes('1 lost'));
});

test('what was heard and is not stored is lost', (t) => {
  const ghost: Entry = {
    type: 'heard',
    event: 'new_message',
    user: 'bob',
    session: 'bob#1',
    room,
    message: message(3, 4),
  };
  t.true(found([...sound(), ghost]).includes('1 lost'));
});

test('an acked deletion that is not stored is found, and so is a content that changed', (t) => {
  const alive: Entry = { type: 'stored', room, sender: 'ann', name: 'b', message: message(2) };
  t.true(found(tampered(stored(2), () => [alive])).includes('1 lost'));
  const other: Entry = { type: 'stored', room, sender: 'ann', name: 'a', message: message(1, 1, 'something else') };
  t.true(found(tampered(stored(1), () => [other])).includes('1 changed'));
});

test('two messages of one name are doubled', (t) => {
  const retry: Entry[] = [
    { type: 'invoke', op: 8, kind: 'send', ...member, name: 'a', content: 'text 1' },
    { type: 'ok', op: 8, message: message(2, 3, '') },
  ];
  t.true(found([...sound(), ...retry]).includes('3 doubled'));
});

test('an order against the acks is found; a name that was sent before may have its old place', (t) => {
  const early: Entry = { type: 'stored', room, sender: 'ann', name: 'a', message: message(1) };
  const swapped = sound().map((entry) => {
    if (entry.type === 'ok' && entry.op === 3) return { ...entry, message: message(2) };
    return entry.type === 'ok' && entry.op === 4 ? { ...entry, message: message(1) } : entry;
  });
  t.true(found(swapped).includes('2 disorder'));
  const first: Entry = { type: 'invoke', op: 9, kind: 'send', ...member, name: 'b', content: 'text 2' };
  const [run, ...rest] = swapped;
  t.false(found([...(run === undefined ? [] : [run]), first, ...rest, early]).includes('2 disorder'));
});

test('a hole, a double and a swap at one socket are found', (t) => {
  t.deepEqual(found(tampered(heardBy('bob', 1), gone)), ['4 hole']);
  t.deepEqual(found(tampered(heardBy('bob', 3), gone)), ['5 hole']);
  t.deepEqual(found(tampered(heardBy('bob', 1), twice)), ['4 doubled']);
  const [one, two] = [sound().find(heardBy('bob', 1)), sound().find(heardBy('bob', 2))];
  const swapped = sound().map((entry) =>
    heardBy('bob', 1)(entry) ? (two ?? entry) : heardBy('bob', 2)(entry) ? (one ?? entry) : entry,
  );
  t.true(found(swapped).includes('4 disorder'));
});

test('a hole that is announced and filled is none; one that is only announced is', (t) => {
  const resync: Entry = { type: 'resync', user: 'bob', session: 'bob#1', room, version: 3, reason: 'gap' };
  const without = tampered(heardBy('bob', 1), () => [resync]);
  t.deepEqual(found(without), ['4 hole']);
  const again: Entry = {
    type: 'joined',
    user: 'bob',
    session: 'bob#1',
    room,
    op: 2,
    since: 0,
    seq: 2,
    version: 3,
    messages: [message(1), message(2, 3, '')],
  };
  t.deepEqual(found([...without, again]), []);
});

test('a version that a repair skips is no hole once a later change of the message follows', (t) => {
  // Version 2 created the message that version 3 deleted: a repair tells the creation with a version that no row has.
  const repaired = tampered(heardBy('bob', 2), (entry) =>
    entry.type === 'heard' ? [{ ...entry, message: { ...entry.message, content: '', deleted: true } }] : [entry],
  );
  t.deepEqual(found(repaired), []);
  t.deepEqual(found(tampered(heardBy('bob', 2), gone)), []);
});

test('gaps and doubles in the store are found', (t) => {
  t.true(found(tampered(stored(1), twice)).includes('2 doubled'));
  t.true(
    found(
      tampered(
        (entry) => entry.type === 'stored_room',
        () => [{ type: 'stored_room', room, seq: 3, version: 3 }],
      ),
    ).includes('2 lost'),
  );
});

test('a join or a page that knows less than was acked is stale', (t) => {
  const late: Entry[] = [
    { type: 'invoke', op: 8, kind: 'join', ...member, session: 'ann#2' },
    { type: 'joined', ...member, session: 'ann#2', op: 8, since: null, seq: 1, version: 1, messages: [message(1)] },
  ];
  t.deepEqual(found([...sound(), ...late]), ['4 stale']);
  t.deepEqual(found(tampered(ackOf(7), (entry) => [{ ...entry, messages: [message(1)] } as Entry])), ['1 stale']);
});

test('marks below what was acked, beyond the head, or falling are found', (t) => {
  const mark = (delivered: number, read: number) => (): Entry[] => [
    { type: 'stored_receipt', room, user: 'bob', delivered, read },
  ];
  const isMark = (entry: Entry): boolean => entry.type === 'stored_receipt';
  t.deepEqual(found(tampered(isMark, mark(1, 0))), ['8 receipt']);
  t.deepEqual(found(tampered(isMark, mark(5, 1))), ['8 receipt']);
  const falling = [2, 1].map((upTo): Entry => ({ type: 'receipt', session: 'ann#1', room, reader: 'bob', upTo }));
  t.deepEqual(found([...sound(), ...falling]), ['8 receipt']);
});

test('whoever is no member and hears of the room is a leak, and so is a content after its deletion', (t) => {
  const outsider: Entry = {
    type: 'heard',
    event: 'new_message',
    user: 'eve',
    session: 'eve#1',
    room,
    message: message(1),
  };
  t.deepEqual(found([...sound(), outsider]), ['10 leak']);
  t.deepEqual(found(tampered(ackOf(7), (entry) => [{ ...entry, messages: [message(1), message(2)] } as Entry])), [
    '11 leak',
  ]);
});

test('what reaches a member after their removal is a leak', (t) => {
  const end: Entry = { type: 'stored_removal', room, user: 'bob', version: 2 };
  t.true(found([...sound(), end]).includes('10 leak'));
  t.false(found([...sound(), { ...end, user: 'eve' }]).includes('10 leak'));
  const removed: Entry = { type: 'resync', user: 'bob', session: 'bob#1', room, version: 2, reason: 'removed' };
  t.true(found(tampered(heardBy('bob', 3), (entry) => [removed, entry])).includes('10 leak'));
});

test('a write under an epoch that had been raised is found', (t) => {
  const fence = (found: number): Entry => ({ type: 'fence', room, partition: 1, raised: 5, found });
  t.deepEqual(found([...sound(), fence(6)]), []);
  t.deepEqual(found([...sound(), fence(5)]), ['6 fence']);
});

test('integration events that are missing or out of order are found, repeats are not', (t) => {
  const [run, ...rest] = sound();
  const event = (seq: number): Entry => ({
    type: 'integration',
    key: 'message.room.sent',
    eventId: `room:${seq}`,
    room,
    id: `id-${seq}`,
    seq,
    content: null,
  });
  const observed = (...seqs: number[]): Entry[] => [
    ...(run?.type === 'run' ? [{ ...run, integration: true }] : []),
    ...rest,
    ...seqs.map(event),
  ];
  t.deepEqual(found(observed(1, 2, 1, 2)), []);
  t.deepEqual(found(observed(1)), ['1 lost']);
  t.deepEqual(found(observed(2, 1)), ['2 disorder']);
});
