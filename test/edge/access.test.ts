/** Who may be where, against a Chat Room Service that is right, slow, broken, gone and back. */
import test, { type ExecutionContext } from 'ava';
import { directKey } from '../../src/actors/protocol/ids.js';
import { createAccess, type Access } from '../../src/edge/access.js';
import { configOf, recordedLog, type Line } from './support/fakes.js';
import { json, neighbour, silence, type Handler, type Stage } from './support/neighbour.js';

interface Scene {
  readonly access: Access;
  readonly service: Stage;
  readonly clock: { now: number };
  readonly lines: Line[];
  /** The verdict, and whether it was given at once. */
  readonly ask: (userId: string, key: string) => Promise<string>;
}

async function scene(t: ExecutionContext, handler: Handler, env: Record<string, string> = {}): Promise<Scene> {
  const service = await neighbour(t, handler);
  const clock = { now: 1_000_000 };
  const { log, lines } = recordedLog();
  const access = createAccess({
    config: configOf({ CHAT_ROOM_SERVICE_URL: `${service.url}/`, NEIGHBOUR_TIMEOUT_MS: '60000', ...env }),
    log,
    now: () => clock.now,
  });
  const ask = async (userId: string, key: string): Promise<string> => {
    const may = access.may(userId, key);
    return typeof may === 'boolean' ? `${may ? 'yes' : 'no'} at once` : may;
  };
  return { access, service, clock, lines, ask };
}

const members = json({ id: 'r', name: 'r', users: ['ann', 7] });

test('a direct conversation is open to its two users alone', (t) => {
  const access = createAccess({ config: configOf(), log: recordedLog().log });
  const key = directKey('ann', 'bob');
  t.deepEqual([access.may('ann', key), access.may('bob', key), access.may('eve', key)], [true, true, false]);
  t.true(access.may('ann', directKey('ann', 'ann')));
  t.false(access.may('an', key), 'a part of an id is another id');
});

test('open rooms are open, and nobody is asked', (t) => {
  t.true(createAccess({ config: configOf(), log: recordedLog().log }).may('eve', 'any'));
});

test('members get in, others do not; the answer is remembered and given at once', async (t) => {
  const { ask, service } = await scene(t, members);
  t.is(await ask('ann', 'a room/?#%'), 'yes');
  t.is(service.calls[0]?.path, `/rooms/${encodeURIComponent('a room/?#%')}`);
  t.is(await ask('ann', 'a room/?#%'), 'yes at once');
  t.is(await ask('7', 'a room/?#%'), 'yes at once', 'ids may be numbers');
  t.is(await ask('eve', 'a room/?#%'), 'no at once');
  t.is(service.calls.length, 1);
});

test('a room that does not exist has no members; dots are no way out of the path', async (t) => {
  const { ask, service } = await scene(t, json({ success: false }, 404));
  t.is(await ask('ann', 'gone'), 'no');
  t.is(await ask('ann', 'gone'), 'no at once');
  for (const key of ['.', '..']) t.is(await ask('ann', key), 'no');
  t.deepEqual(
    service.calls.map(({ path }) => path),
    ['/rooms/gone'],
  );
});

test('a hundred questions about a room are one request, and are answered in order', async (t) => {
  const { access, service } = await scene(t, members);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      t.is(await access.may('ann', 'r'), 'yes');
      order.push(n);
    }),
  );
  t.is(service.calls.length, 1);
  t.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

test('a "no" is asked again after a second, so that who was just invited gets in', async (t) => {
  const { ask, service, clock } = await scene(t, json({ users: [] }));
  t.is(await ask('ann', 'r'), 'no');
  service.handler = members;
  clock.now += 999;
  t.is(await ask('ann', 'r'), 'no at once');
  clock.now += 2;
  t.is(await ask('ann', 'r'), 'yes');
});

test('an answer past its time is asked for again: who was removed is out', async (t) => {
  const { ask, service, clock } = await scene(t, members);
  t.is(await ask('ann', 'r'), 'yes');
  service.handler = json({ users: [] });
  clock.now += 30_001;
  t.is(await ask('ann', 'r'), 'no');
});

test('the answer for a room in use is renewed ahead of time, without anybody waiting', async (t) => {
  const { ask, service, clock } = await scene(t, members);
  t.is(await ask('ann', 'r'), 'yes');
  clock.now += 25_000;
  t.is(await ask('ann', 'r'), 'yes at once');
  await service.seen(2);
  t.is(service.calls.length, 2);
});

test('a revoked room is asked again at once, and an answer on its way does not count', async (t) => {
  const { access, ask, service } = await scene(t, members);
  t.is(await ask('ann', 'r'), 'yes');
  access.revoked('r');
  const held: (() => void)[] = [];
  service.handler = (call, response) => {
    held.push(() => members(call, response));
  };
  const waiting = access.may('ann', 'r');
  await service.seen(2);
  access.revoked('r');
  service.handler = json({ users: ['bob'] });
  for (const answer of held) answer();
  t.is(await waiting, 'no');
  t.is(await ask('ann', 'r'), 'no at once');
});

const failures: Readonly<Record<string, Handler>> = {
  'an error': json({}, 500),
  'a redirect': (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  'a refusal': json({}, 401),
  'no JSON': (_, response) => response.end('<html>'),
  'no object': json(null),
  'no users': json({ id: 'r' }),
  'users that are no list': json({ users: { 0: 'ann' } }),
  'users that are no ids': json({ users: [{ id: 'ann' }] }),
  'no UTF-8': (_, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d])),
  'a cut connection': (_, response) => response.destroy(),
  'half an answer': (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"users":');
    response.destroy();
  },
};

for (const [name, failure] of Object.entries(failures))
  test(`answered with ${name}: unknown without an old answer, the old answer else, and back again`, async (t) => {
    const { ask, service, clock, lines } = await scene(t, failure);
    t.is(await ask('ann', 'fresh'), 'unknown');
    service.handler = members;
    t.is(await ask('ann', 'r'), 'yes');
    service.handler = failure;
    clock.now += 31_000;
    t.is(await ask('ann', 'r'), 'yes', 'the old answer');
    t.is(await ask('ann', 'r'), 'yes at once', 'nobody waits for the next failure right away');
    clock.now += 600_000;
    t.is(await ask('ann', 'r'), 'unknown', 'too old');
    service.handler = members;
    clock.now += 2_000;
    t.is(await ask('ann', 'r'), 'yes');
    t.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [40, 'neighbour fails'],
        [30, 'neighbour answers again'],
        [40, 'neighbour fails'],
        [30, 'neighbour answers again'],
      ],
    );
  });

test('no answer at all ends with the time-out; after five in a row the service is left alone for a moment', async (t) => {
  const { ask, service, clock } = await scene(t, silence, { NEIGHBOUR_TIMEOUT_MS: '1500' });
  const asked = Array.from({ length: 5 }, (_, n) => ask('ann', `r${n}`));
  t.deepEqual(await Promise.all(asked), Array(5).fill('unknown'));
  t.is(await ask('ann', 'r6'), 'unknown');
  t.false(
    service.calls.some(({ path }) => path === '/rooms/r6'),
    'not asked',
  );
  clock.now += 1_001;
  service.handler = members;
  t.is(await ask('ann', 'r6'), 'yes');
});

test('a room of 200,000 members is read; one that is too large is told of, and is no outage', async (t) => {
  const users = Array.from({ length: 200_000 }, (_, n) => `0190c000-0000-7000-8000-${String(n).padStart(12, '0')}`);
  const { ask, service, lines } = await scene(t, json({ id: 'r', name: 'r', users }));
  t.is(await ask(users.at(-1) ?? '', 'r'), 'yes');
  t.is(await ask(users[0] ?? '', 'r'), 'yes at once', 'it is remembered');
  const large = JSON.stringify({ users: ['x'.repeat(17_000_000)] });
  service.handler = (_, response) => response.writeHead(200).end(large);
  for (let n = 0; n < 3; n += 1) t.is(await ask('ann', `large ${n}`), 'unknown');
  service.handler = (_, response) => response.writeHead(200, { 'content-length': large.length }).end(large);
  for (let n = 3; n < 6; n += 1) t.is(await ask('ann', `large ${n}`), 'unknown');
  service.handler = members;
  t.is(await ask('ann', 'another'), 'yes', 'the service is not left alone for it');
  const told = lines.filter(({ level }) => level >= 40);
  t.deepEqual(
    told.map(({ msg, path }) => [msg, path]),
    [['answer of a neighbour too large', '/rooms/large%200']],
  );
});

test('a service that is not there is unknown', async (t) => {
  const access = createAccess({
    config: configOf({ CHAT_ROOM_SERVICE_URL: 'http://127.0.0.1:1' }),
    log: recordedLog().log,
  });
  t.is(await access.may('ann', 'r'), 'unknown');
});

test('more rooms at once than may be asked and wait are unknown at once', async (t) => {
  const { access, service } = await scene(t, silence, { NEIGHBOUR_TIMEOUT_MS: '20000' });
  const asked = Array.from({ length: 32 + 1_000 }, (_, n) => access.may('ann', `r${n}`));
  t.is(await access.may('ann', 'one more'), 'unknown');
  await service.seen(32);
  t.is(service.calls.length, 32);
  // Frees all that hang; what waited is asked then.
  service.handler = members;
  t.is(asked.length, 1_032);
});
