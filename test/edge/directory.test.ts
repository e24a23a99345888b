/** Display names: what is known now, never a wait. */
import test from 'ava';
import { createDirectory } from '../../src/edge/directory.js';
import { within } from '../../src/edge/deadline.js';
import { configOf, recordedLog } from './support/fakes.js';
import { json, neighbour, type Handler } from './support/neighbour.js';

function user(name: unknown): Handler {
  return json({ success: true, user: { id: 'ann', username: 'ann', display_name: name } });
}

/** The answer is taken in a moment after the server has given it. */
async function becomes(read: () => unknown, expected: unknown): Promise<void> {
  await within(
    (async () => {
      while (read() !== expected) await new Promise((resolve) => setImmediate(resolve));
    })(),
    30_000,
  );
}

test('without the Authentication Service nobody has a display name', (t) => {
  t.is(createDirectory({ config: configOf(), log: recordedLog().log }).displayName('ann'), null);
});

test('a name is null at first, fetched once in the background, and there the next time', async (t) => {
  const service = await neighbour(t, user('Ann A.'));
  const directory = createDirectory({ config: configOf({ AUTH_SERVICE_URL: service.url }), log: recordedLog().log });
  for (let n = 0; n < 50; n += 1) t.is(directory.displayName('ann/?'), null);
  await becomes(() => directory.displayName('ann/?'), 'Ann A.');
  t.deepEqual(
    service.calls.map(({ path }) => path),
    ['/internal/users/ann%2F%3F'],
  );
});

test('an old name stays while it is renewed and while the service fails, until it is too old', async (t) => {
  const service = await neighbour(t, user('Old'));
  const clock = { now: 0 };
  const { log, lines } = recordedLog();
  const directory = createDirectory({
    config: configOf({ AUTH_SERVICE_URL: service.url }),
    log,
    now: () => clock.now,
  });
  await becomes(() => directory.displayName('ann'), 'Old');
  service.handler = json({}, 500);
  clock.now += 30_001;
  t.is(directory.displayName('ann'), 'Old');
  await becomes(() => lines.length, 1);
  service.handler = user('New');
  clock.now += 2_000;
  await becomes(() => directory.displayName('ann'), 'New');
  service.handler = json({}, 500);
  clock.now += 700_000;
  t.is(directory.displayName('ann'), null);
});

for (const [name, body] of Object.entries({
  'a name with NUL': { user: { display_name: 'a\0b' } },
  'a name that is a number': { user: { display_name: 5 } },
  'a name too long': { user: { display_name: 'x'.repeat(300) } },
  'no user': { success: false },
}))
  test(`an answer with ${name} is no answer`, async (t) => {
    const service = await neighbour(t, json(body));
    const { log, lines } = recordedLog();
    const directory = createDirectory({ config: configOf({ AUTH_SERVICE_URL: service.url }), log });
    t.is(directory.displayName('ann'), null);
    await becomes(() => lines.length, 1);
    t.is(directory.displayName('ann'), null);
  });
