/** SIGTERM under load: everybody is told, nothing new is taken, everything acked is kept, and the process ends with 0. */
import test from 'ava';
import { ownStage, unique } from '../harness/stage.js';
import { Traffic } from '../harness/traffic.js';

for (const [signal, transport] of [
  ['SIGTERM', 'websocket'],
  ['SIGINT', 'websocket'],
  ['SIGTERM', 'polling'],
] as const)
  test.serial(
    `${signal} under load over ${transport} drains: server_draining, exit 0, everything acked is stored, and a restart goes on gapless`,
    async (t) => {
      const own = await ownStage(t, { SHUTDOWN_GRACE_MS: '30000' });
      const rooms = [unique('room'), unique('room'), unique('room')];
      const traffic = await Traffic.start(own.url, { rooms, members: 3, inFlight: 4, transports: [transport] });
      await traffic.reached(300);
      const exit = await own.service.stop(signal);
      t.deepEqual(exit, { code: 0, signal: null }, own.service.output.tail());
      await traffic.stop();
      for (const client of traffic.clients) {
        t.true(client.heard.some(({ event }) => event === 'server_draining'));
        t.is(client.heard.at(-1)?.event, 'disconnect');
      }
      t.deepEqual(
        own.service.output.lines.filter(({ level }) => (level ?? 0) >= 50),
        [],
        'a drain is no error',
      );
      await own.service.restart();
      t.deepEqual(await traffic.judge(own.url), []);
      await traffic.settle(own.url);
      t.deepEqual(await traffic.judge(own.url), []);
    },
  );

test.serial('a drain that cannot end is ended after SHUTDOWN_GRACE_MS with exit code 1', async (t) => {
  const own = await ownStage(t, { SHUTDOWN_GRACE_MS: '1000' });
  const ann = await own.client('ann');
  const inspector = await own.inspector();
  const release = await inspector.holdWrites();
  const sent = ann.ask('send_message', { room_id: 'r', content: 'x' }).catch(() => null);
  await inspector.blocked();
  const exit = await own.service.stop();
  await release();
  t.deepEqual(exit, { code: 1, signal: null });
  t.not((await sent)?.success, true, 'what was not committed was not acked');
});

test.serial('a signal during the start ends the process, too', async (t) => {
  const own = await ownStage(t);
  const stopped = own.service.stop();
  t.is((await stopped).code, 0);
  const start = own.service.restart();
  own.service.signal('SIGTERM');
  await start.catch(() => undefined);
  const exit = await own.service.exited;
  t.true(exit.code === 0 || exit.signal === 'SIGTERM', JSON.stringify(exit));
});
