/** Whatever a frame holds comes out of the other thread as it went in. */
import test from 'ava';
import fc from 'fast-check';
import type { Command } from '../../src/actors/protocol/commands.js';
import type { CommandFrame, FrameReply, LaneOutcome } from '../../src/runtime/frames.js';
import { packFrame, packReply, unpackFrame, unpackReply } from '../../src/runtime/packing.js';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const optional = fc.option(text, { nil: null });

const send: fc.Arbitrary<Command> = fc.record(
  {
    kind: fc.constant('send' as const),
    key: text,
    id: text,
    senderId: text,
    senderName: text,
    senderDisplayName: optional,
    receiverId: optional,
    content: text,
    messageType: text,
    clientMsgId: optional,
    replyTo: optional,
    metadata: optional,
    admitted: fc.nat(),
  },
  {
    requiredKeys: [
      'kind',
      'key',
      'id',
      'senderId',
      'senderName',
      'senderDisplayName',
      'receiverId',
      'content',
      'messageType',
      'clientMsgId',
      'replyTo',
      'metadata',
    ],
    noNullPrototype: true,
  },
);

const other: fc.Arbitrary<Command> = fc.oneof(
  fc.record(
    { kind: fc.constant('typing' as const), key: text, id: text, userId: text },
    { requiredKeys: ['kind', 'key', 'id', 'userId'], noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('announce' as const),
      key: text,
      id: text,
      occupants: fc.array(fc.tuple(text, text), { maxLength: 3 }),
    },
    { requiredKeys: ['kind', 'key', 'id', 'occupants'], noNullPrototype: true },
  ),
);

test('commands of every kind keep their order and their fields', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(send, other), { maxLength: 12 }),
      fc.nat(),
      fc.boolean(),
      (commands, number, resent) => {
        const frame: CommandFrame = { type: 'frame', shard: 3, number, resent, commands };
        t.deepEqual(unpackFrame(structuredClone(packFrame(frame))), frame);
      },
    ),
  );
});

/** What one command brings about: its outcome, and packets of which some hold the answer's text, or nearly. */
const step = fc.record(
  {
    room: fc.nat({ max: 3 }),
    body: text,
    refused: fc.boolean(),
    resync: fc.constantFrom(null, null, 'gap' as const),
    packets: fc.array(
      fc.record(
        {
          form: fc.constantFrom('answer', 'answer', 'near', 'none'),
          version: fc.option(fc.nat(), { nil: null }),
          except: optional,
          evict: fc.constantFrom(undefined, undefined, { userId: null }, { userId: 'u' }),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
  },
  { noNullPrototype: true },
);

function packetOf(form: string, body: string): string {
  if (form === 'answer') return `["new_message",${body}]`;
  return form === 'near' ? `["new_message",${body.slice(0, -1)}~]` : '["user_left",{}]';
}

test('outcomes and broadcasts come back whole, whether an answer is in a packet or not', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const bursts = new Map<string, FrameReply['bursts'][number]['events'][number][]>();
      const outcomes: LaneOutcome[] = steps.map(({ room, body, refused, resync, packets }, at) => {
        const key = `room-${room}`;
        for (const { form, version, except, evict } of packets) {
          const events = bursts.get(key) ?? [];
          bursts.set(key, events);
          const event = { packet: packetOf(form, body), version, except, at };
          events.push(evict === undefined ? event : { ...event, evict });
        }
        return refused ? { ok: false, moved: true } : { ok: true, answer: { body, resync } };
      });
      const reply: FrameReply = {
        type: 'frame',
        shard: 1,
        number: 7,
        outcomes,
        bursts: [...bursts].map(([key, events]) => ({ key, events })),
      };
      t.deepEqual(unpackReply(structuredClone(packReply(reply))), reply);
    }),
  );
});

test('a text that is both answered and broadcast crosses once', (t) => {
  const body = JSON.stringify({ content: 'x'.repeat(500) });
  const reply: FrameReply = {
    type: 'frame',
    shard: 0,
    number: 1,
    outcomes: [{ ok: true, answer: { body, resync: null } }],
    bursts: [{ key: 'r', events: [{ packet: `["new_message",${body}]`, version: 1, except: null, at: 0 }] }],
  };
  t.true(JSON.stringify(packReply(reply)).length < 1.5 * body.length);
  t.deepEqual(unpackReply(packReply(reply)), reply);
});
