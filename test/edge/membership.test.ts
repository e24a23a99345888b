/** Members that the Chat Room Service does not name any more leave the rooms in which they have sockets. */
import test, { type ExecutionContext } from 'ava';
import { directKey, type RoomKey } from '../../src/actors/protocol/ids.js';
import { reject } from '../../src/actors/rejections.js';
import { createAccess, type RoomAccess } from '../../src/edge/access.js';
import { Membership } from '../../src/edge/membership.js';
import { configOf, FakeRooms, recordedLog } from './support/fakes.js';
import { json, neighbour, type Stage } from './support/neighbour.js';

interface Scene {
  readonly access: RoomAccess;
  readonly service: Stage;
  /** Milliseconds, of the answers' age. */
  readonly clock: { now: number };
  readonly rooms: FakeRooms;
  /** Users with sockets, by room. */
  readonly present: Map<RoomKey, readonly string[]>;
  /** Who was told to leave, in order. */
  readonly evicted: () => string[];
  /** Resolves at the next command. */
  readonly told: () => Promise<void>;
}

async function scene(t: ExecutionContext, everyMs: number): Promise<Scene> {
  const service = await neighbour(t, json({ users: ['ann', 'bob'] }));
  const { log } = recordedLog();
  const clock = { now: 1_000_000 };
  const config = configOf({ CHAT_ROOM_SERVICE_URL: service.url });
  const access = createAccess({ config, log, now: () => clock.now });
  const { members } = access;
  if (members === null) throw new Error('rooms are not members-only');
  const rooms = new FakeRooms();
  let wake = (): void => undefined;
  rooms.answer = () => {
    wake();
    return { ok: true, answer: { body: '{}', resync: null } };
  };
  const present = new Map<RoomKey, readonly string[]>();
  const membership = new Membership({
    members: {
      onMembers: (listener) => members.onMembers(listener),
      // However young the last answer is: the interval of the test is short.
      renew: async (key) => {
        access.revoked(key);
        await members.renew(key);
      },
    },
    edge: {
      occupiedRooms: () => present.keys(),
      announce: (key) => ({
        kind: 'announce',
        key,
        id: 'a',
        occupants: (present.get(key) ?? []).map((userId, n) => [userId, `socket ${n}`]),
      }),
    },
    rooms,
    everyMs,
    log,
  });
  await membership.start();
  t.teardown(() => membership.stop());
  return {
    access,
    service,
    clock,
    rooms,
    present,
    evicted: () => rooms.commands.map((one) => (one.kind === 'evict' ? `${one.userId ?? ''}@${one.key}` : one.kind)),
    told: () => new Promise((resolve) => (wake = resolve)),
  };
}

const never = 1_000_000;

test('whoever an answer does not name is taken out, once however many sockets; all others stay', async (t) => {
  const { access, service, rooms, present, evicted } = await scene(t, never);
  present.set('r', ['ann', 'eve', 'bob', 'eve']);
  present.set('other', ['eve']);
  present.set(directKey('eve', 'ann'), ['eve']);
  t.is(await access.may('ann', 'r'), 'yes');
  t.deepEqual(evicted(), ['eve@r']);
  t.regex(rooms.commands[0]?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  access.revoked('r');
  service.handler = json({}, 404);
  t.is(await access.may('ann', 'r'), 'no');
  t.deepEqual(evicted().slice(1), ['ann@r', 'eve@r', 'bob@r'], 'a room that is gone has no members');
});

test('a service that fails changes nothing, old answers included', async (t) => {
  const { access, service, clock, present, evicted } = await scene(t, never);
  present.set('r', ['ann', 'bob']);
  t.is(await access.may('ann', 'r'), 'yes');
  present.set('r', ['ann', 'bob', 'eve']);
  for (const failure of [json({}, 500), json({ users: 7 }), json(null)]) {
    service.handler = failure;
    clock.now += 20_000;
    const asked = service.calls.length;
    await access.members?.renew('r');
    t.is(service.calls.length, asked + 1);
    access.revoked('s');
    t.is(await access.may('ann', 's'), 'unknown');
  }
  t.deepEqual(evicted(), []);
});

test('rooms in use are asked about by themselves, also those that were too busy', async (t) => {
  const { service, rooms, present, evicted, told } = await scene(t, 100);
  let first = true;
  const answer = rooms.answer;
  rooms.answer = (command) => {
    const outcome = answer(command);
    if (!first) return outcome;
    first = false;
    return { ok: false, rejection: reject('OVERLOADED') };
  };
  present.set('r', ['ann', 'bob']);
  await service.seen(2);
  t.deepEqual(evicted(), []);
  service.handler = json({ users: ['ann'] });
  await told();
  await told();
  present.clear();
  t.deepEqual(evicted().slice(0, 2), ['bob@r', 'bob@r']);
});
