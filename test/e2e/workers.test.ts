/**
 * A worker thread throws, exits, loops or runs out of heap, in a real process under load: its rooms pause, in-flight sends
 * end as an ack or a retryable refusal, other rooms go on, the pool is whole again, and laws 1 to 4 hold throughout.
 */
import test from 'ava';
import { eventually } from '../harness/eventually.js';
import { ownStage, unique } from '../harness/stage.js';
import { faults, inspectorArguments, ThreadFaults } from '../harness/thread-faults.js';
import { Traffic } from '../harness/traffic.js';

const env = { WORKER_THREADS: '2', SHARDS_PER_WORKER: '1', WORKER_MAX_HEAP_MB: '128', WORKER_STUCK_MS: '6000' };

for (const [name, expression] of Object.entries(faults))
  test.serial(
    `a worker that meets its end by ${name} is replaced under load, and nothing is lost, doubled or reordered`,
    async (t) => {
      const own = await ownStage(t, env, inspectorArguments);
      const harm = await ThreadFaults.attach(own.service, 2);
      t.teardown(() => {
        harm.close();
      });
      // Enough rooms that both workers have some.
      const rooms = Array.from({ length: 8 }, () => unique('room'));
      const traffic = await Traffic.start(own.url, { rooms, members: 2, inFlight: 2 });
      await traffic.reached(200);
      harm.harm(0, expression);
      await own.service.output.waitFor(
        'a worker replaced',
        ({ msg, level }) => (level ?? 0) >= 40 && /worker/i.test(msg ?? ''),
      );
      const acked = new Map(rooms.map((room) => [room, traffic.acked.filter((sent) => sent.room === room).length]));
      await eventually(
        () =>
          Promise.resolve(
            rooms.every(
              (room) => traffic.acked.filter((sent) => sent.room === room).length > (acked.get(room) ?? 0) + 10,
            ),
          ),
        'every room to go on',
      );
      await traffic.stop();
      await traffic.settle(own.url);
      t.deepEqual(await traffic.judge(own.url), []);
      for (const code of traffic.refused.keys())
        t.true(['UNAVAILABLE', 'OVERLOADED'].includes(code), `refused ${code}`);
      t.true(
        traffic.clients.every((client) => client.socket.connected),
        'no socket was lost',
      );
      await eventually(async () => (await own.rest('', null).get('/ready')).status === 200, 'readiness');
      // Who was in a room is still in it: a message reaches everyone who joined before.
      const [one, two] = traffic.clients;
      const { id } = (await one?.send(rooms[0] ?? '', 'after it')) ?? { id: '' };
      await two?.message(id);
      traffic.close();
    },
  );

test.serial('more worker deaths than WORKER_RESTARTS within a minute end the process loudly', async (t) => {
  const own = await ownStage(t, { ...env, WORKER_RESTARTS: '1' }, inspectorArguments);
  const harm = await ThreadFaults.attach(own.service, 2);
  t.teardown(() => {
    harm.close();
  });
  harm.harm(0, faults.exit);
  harm.harm(1, faults.exit);
  await own.service.output.waitFor('the reason', ({ level }) => (level ?? 0) >= 60);
  // Node itself holds an exit until its debugger is gone.
  harm.close();
  t.not((await own.service.exited).code, 0);
});
