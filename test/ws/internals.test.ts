/**
 * The internals of socket.io, engine.io and ws that the fan-out stands on. A failure here after an upgrade says which of
 * them has changed; src/ws/fanout/wire.ts and src/ws/edge.ts are the places to adapt.
 */
import test, { type ExecutionContext } from 'ava';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, Socket } from 'socket.io';
import { WebSocket } from 'ws';
import { encodeFrames } from '../../src/ws/fanout/frames.js';
import { OutgoingBurst } from '../../src/ws/fanout/burst.js';
import { Flusher } from '../../src/ws/fanout/flusher.js';
import { Outbox } from '../../src/ws/fanout/outbox.js';
import { connectionsOf, Wire, type Connection } from '../../src/ws/fanout/wire.js';
import { ackText, eventText } from '../../src/ws/packets.js';
import { uncollected } from './support/garbage.js';
import { rawText } from './support/world.js';

function method(owner: object, name: string): unknown {
  return Reflect.get(owner, name);
}

test('socket.io hands event packets to Socket.onevent, unparsed acknowledgement id included', (t) => {
  t.is(typeof method(Socket.prototype, 'onevent'), 'function', 'Socket.prototype.onevent is gone');
  const source = String(method(Socket.prototype, '_onpacket'));
  t.regex(source, /this\.onevent\(packet\)/, 'Socket._onpacket no longer calls onevent(packet)');
});

async function connection(t: ExecutionContext): Promise<{ readonly conn: Connection; readonly ws: WebSocket }> {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connected = new Promise<Socket>((resolve) => io.on('connection', resolve));
  const { port } = server.address() as AddressInfo;
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
  return { conn, ws };
}

test('engine.io writes wsPreEncodedFrame through ws and replaces its writeBuffer at each flush', async (t) => {
  const { conn, ws } = await connection(t);
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

test('a write buffer that is out is not kept for its bytes to be counted', async (t) => {
  const { conn, ws } = await connection(t);
  const wire = new Wire(conn);
  const write = (text: string): void => {
    wire.writeFrames({ compress: false, wsPreEncodedFrame: [encodeFrames([`2["${text}"]`]).bytes] });
  };
  const parked = (): WeakRef<object> => {
    write('at once');
    write('parked');
    return new WeakRef(Reflect.get(conn, 'writeBuffer') as unknown[]);
  };
  const arrived = rawText(ws, (text) => text.includes('parked'));
  const buffer = parked();
  await arrived;
  write('later');
  t.deepEqual(await uncollected([buffer]), []);
});

test('the engine lists its connections, those without a handshake too, and counts them', async (t) => {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const open = new Promise<Connection>((resolve) => io.engine.on('connection', resolve));
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  t.teardown(() => io.close());
  const conn = await open;
  t.deepEqual(connectionsOf(io.engine), [conn]);
  t.is(io.engine.clientsCount, 1);
  const closed = new Promise<void>((resolve) => conn.once('close', resolve));
  ws.on('error', () => undefined);
  ws.terminate();
  await closed;
  t.deepEqual(connectionsOf(io.engine), []);
  t.is(io.engine.clientsCount, 0);
});

test('spliced packets are what socket.io encodes itself', (t) => {
  const { encoder } = new Server();
  const body = JSON.stringify({ success: true, text: 'quotes " \\ \u2028 🎉 ]' });
  t.deepEqual(encoder.encode({ type: 3, nsp: '/', id: 12, data: [JSON.parse(body)] }), [ackText(12, body)]);
  t.deepEqual(encoder.encode({ type: 2, nsp: '/', data: ['room_joined', JSON.parse(body)] }), [
    eventText('room_joined', body),
  ]);
});

test('what the kernel has not taken counts as unsent', async (t) => {
  const { conn, ws } = await connection(t);
  const wire = new Wire(conn);
  ws.pause();
  t.is(wire.pending, 0);
  // More than the buffers of a loopback connection can hold.
  wire.writeFrames({ compress: false, wsPreEncodedFrame: [Buffer.alloc(64 * 1024 * 1024)] });
  t.true(wire.pending > 1_000_000);
});

test('all that a socket gets in one frame is one packet of the engine, in order', async (t) => {
  const { conn, ws } = await connection(t);
  const flushed: unknown[][] = [];
  conn.on('flush', (packets: unknown[]) => flushed.push([...packets]));
  const flusher = new Flusher(() => undefined);
  const outbox = new Outbox(new Wire(conn), flusher, 1_000_000, { overflowed: () => t.fail() });
  const burst = (n: number): OutgoingBurst =>
    new OutgoingBurst('r', [{ packet: `["b",${n}]`, version: n, except: null, at: 0 }], n);
  const texts: string[] = [];
  const all = new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      texts.push(data.toString());
      if (texts.length === 5) resolve();
    });
  });
  for (const part of ['31[]', '32[]', burst(1).all, '33[]', burst(2).all]) outbox.push(part);
  flusher.flush();
  t.is(flushed.length, 1);
  t.is(flushed[0]?.length, 1);
  await all;
  t.deepEqual(texts, ['431[]', '432[]', '42["b",1]', '433[]', '42["b",2]']);
});
