/**
 * The internals of socket.io, engine.io and ws that the fan-out stands on. A failure here after an upgrade says which of
 * them has changed; src/ws/fanout/wire.ts and src/ws/edge.ts are the places to adapt.
 */
import test from 'ava';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Server, Socket } from 'socket.io';
import { WebSocket } from 'ws';
import { encodeFrames } from '../../src/ws/fanout/frames.js';
import { Wire } from '../../src/ws/fanout/wire.js';
import { rawText, world } from './support/world.js';

function method(owner: object, name: string): unknown {
  return Reflect.get(owner, name);
}

test('socket.io hands event packets to Socket.onevent, unparsed acknowledgement id included', (t) => {
  t.is(typeof method(Socket.prototype, 'onevent'), 'function', 'Socket.prototype.onevent is gone');
  const source = String(method(Socket.prototype, '_onpacket'));
  t.regex(source, /this\.onevent\(packet\)/, 'Socket._onpacket no longer calls onevent(packet)');
});

test('engine.io writes wsPreEncodedFrame through ws and replaces its writeBuffer at each flush', async (t) => {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const connected = new Promise<Socket>((resolve) => io.on('connection', resolve));
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  t.teardown(async () => {
    ws.terminate();
    await io.close();
  });
  await rawText(ws, (text) => text.startsWith('0'));
  const welcome = rawText(ws, (text) => text.startsWith('40'));
  ws.send('40');
  const { conn } = await connected;
  await welcome;
  const wire = new Wire(conn);
  t.true(wire.takesFrames, 'the WebSocket transport, its ws socket or sender look different: frames would not be used');

  const before: unknown = Reflect.get(conn, 'writeBuffer');
  // Every length class of RFC 6455, one byte and several bytes per character.
  const packets = [0, 1, 124, 125, 65_533, 65_534, 65_535, 70_000].flatMap((size) => [
    'a'.repeat(size),
    'é'.repeat(size / 2),
  ]);
  const got: string[] = [];
  const all = new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      got.push(data.toString());
      if (got.length === packets.length + 2) resolve();
    });
  });
  wire.writeFrames({
    compress: false,
    wsPreEncodedFrame: [encodeFrames(packets).bytes, encodeFrames(['2["b"]']).bytes],
  });
  t.not(
    Reflect.get(conn, 'writeBuffer'),
    before,
    'writeBuffer is no longer replaced at a flush: unsent bytes would be miscounted',
  );
  const written = wire.pending;
  // The transport is busy now: the next write is parked.
  const parked = encodeFrames(['2["parked"]']).bytes;
  wire.writeFrames({ compress: false, wsPreEncodedFrame: [parked] });
  t.is(wire.pending, written + parked.length, 'a parked write is not counted');
  await all;
  t.deepEqual(got, [...packets.map((packet) => `4${packet}`), '42["b"]', '42["parked"]']);
});

test('socket.io-parser reads spliced packets as it reads its own', async (t) => {
  const { Encoder } = createRequire(import.meta.url)('socket.io-parser') as typeof import('socket.io-parser');
  const encoder = new Encoder();
  const { ackText, eventText } = await import('../../src/ws/packets.js');
  const body = JSON.stringify({ success: true, text: 'quotes " \\ \u2028 🎉 ]' });
  t.deepEqual(encoder.encode({ type: 3, nsp: '/', id: 12, data: [JSON.parse(body)] }), [ackText(12, body)]);
  t.deepEqual(encoder.encode({ type: 2, nsp: '/', data: ['room_joined', JSON.parse(body)] }), [
    eventText('room_joined', body),
  ]);
});

test('frames are used for WebSockets of the service', async (t) => {
  const { raw, chat, metrics } = await world(t);
  const ws = await raw('alice');
  const heard = rawText(ws, (text) => text.startsWith('42["new_message"'));
  chat.burst([
    { key: '\u001falice\u001fbob', events: [{ packet: '["new_message",{}]', version: 1, except: null, at: 0 }] },
  ]);
  t.is(await heard, '42["new_message",{}]');
  t.is(metrics.sockets, 1);
});
