/** Sockets that read slowly or not at all: bounded memory, a clear end, nobody else slower. */
import test from 'ava';
import { Recorder, world } from './support/world.js';

const limit = 262_144;

test('a socket that reads nothing loses ephemeral broadcasts first, then is told and closed; others get everything', async (t) => {
  const { chat, client, raw, join, metrics, logs } = await world(t, { socketBufferBytes: limit });
  const bob = await client('bob');
  await join(bob, 'r');
  const slow = await raw('slow');
  slow.send('42["join_room",{"roomId":"r"}]');
  await chat.arrived(1);
  chat.commit();
  await new Promise((resolve) => slow.once('message', resolve));
  slow.pause();
  const hears = new Recorder(bob);
  const text = 'x'.repeat(16_000);
  let version = 0;
  while (metrics.slowCloses === 0) {
    version += 1;
    chat.burst([
      {
        key: 'r',
        events: [
          { packet: `["new_message",{"version":${version},"content":"${text}"}]`, version, except: null, at: 0 },
          { packet: '["user_typing",{"userId":"zoe","roomId":"r"}]', version: null, except: null, at: 0 },
        ],
      },
    ]);
    await hears.until((all) => all.of('user_typing').length === version);
    if (version > 5_000) break;
  }
  t.is(metrics.slowCloses, 1);
  t.true(metrics.shedBroadcasts > 0);
  t.is(hears.of('new_message').length, version);
  await chat.gone('slow@r');
  t.is(metrics.sockets, 1);
  t.is(logs.filter((line) => line.includes('slow socket closed')).length, 1);

  const texts: string[] = [];
  slow.on('message', (data: Buffer) => texts.push(data.toString()));
  const closed = new Promise((resolve) => slow.once('close', resolve));
  slow.resume();
  await closed;
  t.is(texts.at(-1), `42["resync_required",{"roomId":"r","version":${version},"reason":"slow_consumer"}]`);
  const got = texts
    .filter((one) => one.startsWith('42["new_message"'))
    .map((one) => Number(/"version":(\d+)/.exec(one)?.[1]));
  t.deepEqual(
    got,
    Array.from({ length: got.length }, (_, i) => i + 1),
  );
});

test('a socket that never reads again is cut after a grace', async (t) => {
  const { chat, raw, metrics } = await world(t, { socketBufferBytes: 65_536 });
  const slow = await raw('slow');
  slow.pause();
  const filler = { packet: `["x","${'y'.repeat(60_000)}"]`, except: null, at: 0 };
  let version = 0;
  while (metrics.slowCloses === 0 && version < 5_000) {
    version += 1;
    chat.burst([{ key: '\u001falice\u001fslow', events: [{ ...filler, version }] }]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.is(metrics.slowCloses, 1);
  const closed = new Promise((resolve) => slow.once('close', resolve));
  // The server cuts the connection without the client having read a byte; what was in the kernel's buffers comes first.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  slow.resume();
  t.is(await closed, 1006);
});

test('a polling client that stops polling is closed at the same bound', async (t) => {
  const { chat, url, metrics } = await world(t, { socketBufferBytes: limit });
  const open = await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text();
  const { sid } = JSON.parse(open.slice(1)) as { sid: string };
  const at = `${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  await fetch(at, { method: 'POST', body: '40{"token":"slow"}' });
  await (await fetch(at)).text();
  const packet = `["new_message",{"content":"${'x'.repeat(16_000)}"}]`;
  let bytes = 0;
  for (let version = 1; metrics.slowCloses === 0; version += 1) {
    chat.burst([{ key: '\u001falice\u001fslow', events: [{ packet, version, except: null, at: 0 }] }]);
    bytes += packet.length;
  }
  t.true(bytes < limit + 3 * packet.length);
  t.is(metrics.sockets, 0);
});
