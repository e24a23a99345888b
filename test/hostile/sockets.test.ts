/** Hostile sockets: frames, packets and payloads that no client library sends. The caller is refused or closed; nobody else notices. */
import test from 'ava';
import type { ChatClient } from '../harness/client.js';
import { stageFor, unique } from '../harness/stage.js';
import { clientEvents } from '../harness/wire.js';
import { RawSocket } from './raw.js';
import { traces, Witness } from './witness.js';

const stage = stageFor(test);
const witness = new Witness(stage);
test.serial.before(() => witness.arrive());

const frames: Readonly<Record<string, string | Uint8Array>> = {
  'an empty frame': '',
  'an unknown engine packet': '9',
  'an unknown Socket.IO packet': '4999',
  'no packet type': '4',
  'a packet that is no JSON': '42{',
  'a packet of half a string': '42["send_message","',
  'a packet that is an object': '42{"a":1}',
  'a packet that is a number': '427',
  'an empty array': '42[]',
  'an event that is a number': '42[7,{}]',
  'an event that is an object': '42[{},{}]',
  'an event that is null': '42[null]',
  'a reserved event': '42["disconnect"]',
  'another reserved event': '42["connect_error",{}]',
  'a removed listener': '42["removeListener"]',
  'an event named __proto__': '42["__proto__",{}]',
  'an event named constructor': '42["constructor",{}]',
  'an event named toString': '42["toString",{}]',
  'a very long event name': `42["${'e'.repeat(50_000)}",{}]`,
  'no arguments': '42["send_message"]',
  'an ack alone': '421["send_message"]',
  'too many arguments': `42["send_message",${'{},'.repeat(5000)}{}]`,
  'an ack id beyond every integer': '4299999999999999999999["send_message",{}]',
  'an ack to nothing': '4312345["x"]',
  'an ack that is no array': '431{}',
  'another namespace': '40/admin,',
  'an event of another namespace': '42/admin,["send_message",{}]',
  'a second connect': '40',
  'a connect error': '44{"message":"x"}',
  'a binary event without its attachment': '451-["send_message",{"_placeholder":true,"num":0}]',
  'a binary event of a million attachments': '451000000-["send_message",{"_placeholder":true,"num":0}]',
  'a binary event with a broken count': '45x-["a"]',
  'a binary ack': '461-1[{"_placeholder":true,"num":0}]',
  'a binary frame out of the blue': Uint8Array.from([1, 2, 3, 4]),
  'JSON 25,000 deep': `42["send_message",${'['.repeat(25_000)}${']'.repeat(25_000)}]`,
  'JSON 1,000,000 deep': `42["send_message",${'['.repeat(1_000_000)}`,
  'a frame of 10 MB': `42["send_message",{"content":"${'x'.repeat(10_000_000)}"}]`,
  'a lone surrogate': '42["send_message",{"room_id":"r","content":"\\ud800"}]',
  'a NUL': '42["send_message",{"room_id":"r","content":"a\\u0000"}]',
  'an upgrade packet': '5',
  'a ping of a client': '2probe',
  'a close': '1',
};
for (const [name, frame] of Object.entries(frames))
  for (const userId of [unique('eve'), undefined])
    test(`a socket ${userId === undefined ? 'that is nobody' : 'of a user'} survives or is closed on ${name}`, async (t) => {
      const raw = await RawSocket.open(stage.service.port, userId);
      if (userId === undefined) raw.send('40');
      raw.send(frame);
      await raw.settled();
      t.notRegex(raw.frames.join('\n'), traces);
      t.false(
        raw.frames.some((text) => /^43\d*\[\{"success":true/.test(text)),
        'nothing of it succeeded',
      );
      raw.close();
      await witness.unharmed(t);
    });

test('a binary attachment in a message is refused, and the socket serves on', async (t) => {
  const client = await stage.client(unique('bin'));
  for (const data of [
    { room_id: 'r', content: Buffer.from('x') },
    { room_id: 'r', content: 'x', metadata: { a: Buffer.from('x') } },
    Buffer.from('x'),
    { room_id: Buffer.from('r'), content: 'x' },
  ])
    t.like(await client.ask('send_message', data), { success: false, code: 'VALIDATION' });
  t.is((await client.send(unique('r'), 'fine')).seq, 1);
  await witness.unharmed(t);
});

/** Refused by every event: none of them names a room, a user or a message. */
const payloads: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  -1,
  1e308,
  true,
  '',
  'x',
  [],
  [[]],
  {},
  { roomId: null },
  { roomId: 1 },
  { roomId: [] },
  { roomId: {} },
  { roomId: '' },
  { roomId: 'x'.repeat(256) },
  { roomId: '\0' },
  { roomId: '\u001f' },
  { roomId: '\u2028' },
  { messageId: 7 },
  { messageId: { a: 1 } },
  { messageIds: {} },
  { messageIds: [null] },
  { messageIds: [[]] },
  { messageIds: 'x' },
  { content: [] },
  { content: { length: 3 } },
  { userId: {}, token: {} },
  { token: 'y'.repeat(60_000) },
  { since: {} },
  { before: {} },
];
/** Good but for one field. */
const nearlyGood: readonly (readonly [event: string, payload: unknown])[] = [
  ['send_message', { room_id: 'r', content: [] }],
  ['send_message', { room_id: 'r', content: { length: 3 } }],
  ['send_message', { room_id: 'r', receiver_id: 'r', content: 'x' }],
  ['send_message', { room_id: 'r', content: 'x', reply_to: {} }],
  ['send_message', { room_id: 'r', content: 'x', metadata: [] }],
  ['send_message', { room_id: 'r', content: 'x', client_msg_id: ['a'] }],
  ['send_message', { room_id: 'r', content: 'x', message_type: {} }],
  ['join_room', { roomId: 'r', since: {} }],
  ['join_room', { roomId: 'r', since: 1.5 }],
  ['join_room', { roomId: 'r', since: 1e300 }],
  ['mark_read', { roomId: 'r', messageIds: [[]] }],
  ['mark_delivered', { roomId: 'r', messageIds: Array.from({ length: 1001 }, () => 'x') }],
  ['mark_read', { roomId: 'r', upTo: 'x' }],
  ['get_messages', { roomId: 'r', limit: 'x' }],
  ['get_messages', { roomId: 'r', before: {} }],
  ['get_messages', { roomId: 'r', before: 1, after: 1 }],
  ['edit_message', { messageId: '0190c000-0000-7000-8000-000000000000', content: 7 }],
];
test('every event refuses every malformed payload, with an ack and without, and the socket serves on', async (t) => {
  const client = await stage.client(unique('mal'));
  const all = clientEvents.flatMap((event) => payloads.map((payload) => [event, payload] as const));
  for (const [event, payload] of [...all, ...nearlyGood]) {
    const given = payload === undefined ? [] : [payload];
    const ack = await client.ask(event, ...given);
    t.false(ack.success, `${event} ${JSON.stringify(payload)?.slice(0, 80)}`);
    t.is(typeof ack.code, 'string', `${event} ${JSON.stringify(ack)}`);
    t.not(ack.code, 'INTERNAL');
    client.tell(event, ...given);
    client.tell(event, ...given, 'one', 'too many');
  }
  await client.barrier();
  t.notRegex(JSON.stringify(client.heard), traces);
  t.is((await client.send(unique('r'), 'fine')).seq, 1);
  await witness.unharmed(t);
});

test('authenticate refuses every malformed payload; a socket that goes on failing is closed', async (t) => {
  for (const payload of payloads) {
    const client = await stage.client('eve', { token: null });
    const ack = payload === undefined ? await client.ask('authenticate') : await client.ask('authenticate', payload);
    t.false(ack.success, JSON.stringify(payload)?.slice(0, 80));
    t.like(await client.ask('get_messages', { roomId: 'r' }), { success: false, code: 'UNAUTHENTICATED' });
    client.close();
  }
  const guesser = await stage.client('eve', { token: null });
  for (let at = 0; at < 50; at += 1) guesser.tell('authenticate', { userId: 'ann', token: `guess ${at}` });
  await guesser.wait('disconnect');
  t.true(guesser.all('authenticated').length < 20);
  await witness.unharmed(t);
});

test('10,000 events with acks at once are answered, each of them', async (t) => {
  const client = await stage.client(unique('ten'));
  const room = unique('r');
  const acks = await Promise.all(
    Array.from({ length: 10_000 }, (_, at) => client.ask('send_message', { room_id: room, content: `m${at}` })),
  );
  const refused = acks.filter(({ success }) => !success);
  t.true(refused.every(({ code, retryable }) => code === 'OVERLOADED' && retryable === true));
  const { total } = await stage.rest('ann').history(room);
  t.is(total, acks.length - refused.length);
  await witness.unharmed(t);
});

test('one ack id used over and over is answered as often', async (t) => {
  const raw = await RawSocket.open(stage.service.port, unique('rep'));
  for (let at = 0; at < 200; at += 1) raw.send(`427["get_messages",{}]`);
  await raw.settled();
  t.is(raw.frames.filter((frame) => frame.startsWith('437[')).length, 200);
  raw.close();
});

test('a polling client that posts garbage is refused, others are not', async (t) => {
  const open = await fetch(`${stage.url}/socket.io/?EIO=4&transport=polling`);
  const sid = /"sid":"([^"]+)"/.exec(await open.text())?.[1] ?? '';
  t.not(sid, '');
  for (const body of [
    '\x1e\x1e\x1e',
    'b!!!!',
    `4${'['.repeat(60_000)}`,
    '42["x"]\x1e'.repeat(1000),
    'x'.repeat(200_000),
  ]) {
    const response = await fetch(`${stage.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
      method: 'POST',
      body,
    }).catch(() => null);
    if (response !== null) t.notRegex(await response.text(), traces);
  }
  await witness.unharmed(t);
});

test('a crowd that connects and breaks off at every stage leaves nothing behind', async (t) => {
  const userId = unique('crowd');
  for (let round = 0; round < 5; round += 1) {
    const raws = await Promise.all(
      Array.from({ length: 10 }, (_, at) => RawSocket.open(stage.service.port, at % 2 === 0 ? userId : undefined)),
    );
    for (const raw of raws) {
      raw.send('420["join_room",{"roomId":"crowd"}]');
      raw.send('421["send_message",{"room_id":"crowd","content":"x"}]');
      raw.close();
    }
  }
  const watcher: ChatClient = await stage.member(unique('wat'), 'crowd');
  t.like(await watcher.ask('get_typing_users', { roomId: 'crowd' }), { success: true });
  await witness.unharmed(t);
});
