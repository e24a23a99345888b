/** Order over both transports, over the upgrade from one to the other, and beside engine.io's own packets. */
import test from 'ava';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { WebSocket } from 'ws';
import { directKey } from '../../src/actors/protocol/ids.js';
import { encodeFrames } from '../../src/ws/fanout/frames.js';
import { Wire, type Connection } from '../../src/ws/fanout/wire.js';
import { Recorder, world, type World } from './support/world.js';

/** Bursts of several events, each with a running number. */
async function stream(
  { chat }: World,
  hears: Recorder,
  bursts: number,
  between: () => Promise<unknown>,
): Promise<number[]> {
  let version = 0;
  for (let burst = 0; burst < bursts; burst += 1) {
    const events = Array.from({ length: 1 + (burst % 5) }, (_, at) => {
      version += 1;
      return { packet: `["new_message",{"version":${version}}]`, version, except: null, at };
    });
    chat.burst([{ key: 'r', events }]);
    await between();
  }
  await hears.until((all) => all.of('new_message').length >= version);
  return hears.of('new_message').map((body) => Number(body['version']));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

for (const transports of [['websocket'], ['polling']]) {
  test(`${transports[0]} delivers bursts in order`, async (t) => {
    const here = await world(t);
    const socket = await here.client('alice', { transports });
    await here.join(socket, 'r');
    t.deepEqual(await stream(here, new Recorder(socket), 60, turn), numbers(180));
  });
}

test('an upgrade amid a stream of bursts loses, doubles and reorders nothing', async (t) => {
  const here = await world(t);
  const key = directKey('alice', 'bob');
  let sent = 0;
  const burst = async (): Promise<void> => {
    const events = Array.from({ length: 1 + (sent % 3) }, (_, at) => {
      sent += 1;
      return { packet: `["new_message",{"version":${sent}}]`, version: sent, except: null, at };
    });
    here.chat.burst([{ key, events }]);
    await turn();
  };
  let hears: Recorder | null = null;
  let upgradedAt: number | null = null;
  void here.client('alice', { transports: ['polling', 'websocket'] }).then((socket) => {
    hears = new Recorder(socket);
    socket.io.engine.once('upgrade', () => (upgradedAt = sent));
  });
  while (upgradedAt === null) await burst();
  for (let more = 0; more < 20; more += 1) await burst();
  const heard: Recorder | null = hears;
  if (heard === null) throw new Error('not connected');
  await (heard as Recorder).until((all) => all.of('new_message').at(-1)?.['version'] === sent);
  const versions = (heard as Recorder).of('new_message').map((body) => Number(body['version']));
  const first = versions[0] ?? 0;
  t.true(first < upgradedAt, 'nothing was heard before the upgrade');
  t.deepEqual(
    versions,
    numbers(sent - first + 1).map((number) => number + first - 1),
  );
  t.log(`heard ${first}..${sent}, upgraded at ${String(upgradedAt)}`);
});

test('pings of the engine neither tear nor overtake bursts', async (t) => {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'], pingInterval: 2, pingTimeout: 60_000 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => io.close());
  const connected = new Promise<Connection>((resolve) => {
    io.on('connection', (socket) => {
      resolve(socket.conn);
    });
  });
  const ws = new WebSocket(
    `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket.io/?EIO=4&transport=websocket`,
  );
  t.teardown(() => {
    ws.terminate();
  });
  const texts: string[] = [];
  ws.on('message', (data: Buffer) => {
    texts.push(data.toString());
    if (data.toString() === '2') ws.send('3');
  });
  await new Promise((resolve) => ws.once('open', resolve));
  ws.send('40');
  const wire = new Wire(await connected);
  let written = 0;
  while (texts.filter((text) => text === '2').length < 5) {
    const packets = [`2["n",${written + 1}]`, `2["n",${written + 2}]`];
    written += 2;
    wire.writeFrames({ compress: false, wsPreEncodedFrame: [encodeFrames(packets).bytes] });
    await turn();
  }
  while (!texts.includes(`42["n",${written}]`)) await turn();
  t.deepEqual(
    texts.filter((text) => text.startsWith('42')),
    numbers(written).map((number) => `42["n",${number}]`),
  );
});

test('acknowledgements and bursts share one order on the wire', async (t) => {
  const here = await world(t);
  const ws = await here.raw('alice');
  const texts: string[] = [];
  ws.on('message', (data: Buffer) => texts.push(data.toString()));
  here.chat.auto = true;
  ws.send('42["join_room",{"roomId":"r"}]');
  const heard = (what: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!texts.some((text) => text.includes(what))) return;
        ws.off('message', look);
        resolve();
      };
      ws.on('message', look);
      look();
    });
  await heard('room_joined');
  texts.length = 0;
  for (let version = 1; version <= 50; version += 1) {
    const packet = `["new_message",{"version":${version}}]`;
    here.chat.burst([{ key: 'r', events: [{ packet, version, except: null, at: 0 }] }]);
    ws.send(`42${version}["get_typing_users",{"roomId":"r"}]`);
    if (version % 7 === 0) await turn();
  }
  await heard('4350[');
  await heard('"version":50}');
  t.deepEqual(
    texts.filter((text) => text.startsWith('42["new_message"')),
    numbers(50).map((version) => `42["new_message",{"version":${version}}]`),
  );
  t.deepEqual(
    texts.filter((text) => text.startsWith('43')).map((text) => Number(/^43(\d+)/.exec(text)?.[1])),
    numbers(50),
  );
});
