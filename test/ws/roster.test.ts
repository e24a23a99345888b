/** What an edge makes of a room's list of occupants: its sockets are told what they had been told wrongly, and no more. */
import test from 'ava';
import { occupantPacket, rosterMost, rosterPacket } from '../../src/actors/protocol/roster.js';
import type { PlacedBroadcast } from '../../src/runtime/frames.js';
import { Roster } from '../../src/ws/roster.js';

const key = 'lobby';

function event(packet: string, version: number | null = null): PlacedBroadcast {
  return { packet, version, except: null, at: 3 };
}

const came = (userId: string): PlacedBroadcast => event(occupantPacket(key, userId, true));
const went = (userId: string): PlacedBroadcast => event(occupantPacket(key, userId, false));
const list = (...userIds: string[]): PlacedBroadcast => event(rosterPacket(userIds));

test('who is not listed is told to have left, once, and who is listed again is told to have come', (t) => {
  const roster = new Roster(key);
  roster.read([came('ann'), came('bob'), came('cyd'), went('cyd')]);
  const [left, ...more] = roster.read([list('ann')]);
  t.deepEqual(left, { ...went('bob'), except: 'bob' }, 'none of the user’s own sockets hears of it');
  t.deepEqual(more, []);
  t.deepEqual(roster.read([list('ann')]), []);
  t.deepEqual(roster.read([list('ann', 'bob', 'cyd')]), [
    { ...came('cyd'), except: 'cyd' },
    { ...came('bob'), except: 'bob' },
  ]);
});

test('users of whom nobody here was told stay unmentioned', (t) => {
  t.deepEqual(new Roster(key).read([list('ann', 'bob')]), []);
});

test('everything else passes as it is, in its order', (t) => {
  const roster = new Roster(key);
  const message = event('["new_message",{"content":"[\\"occupants\\",[]]"}]', 7);
  const events = [message, came('ann'), event('["user_typing",{"userId":"ann"}]')];
  t.is(roster.read(events), events);
  t.deepEqual(
    roster.read([list(), message, came('bob'), list()]).map(({ packet }) => packet),
    [went('ann').packet, message.packet, came('bob').packet, went('bob').packet],
  );
});

test('a list that is none changes nothing, and no socket gets it', (t) => {
  const roster = new Roster(key);
  roster.read([came('ann')]);
  const all = JSON.stringify(Array.from({ length: rosterMost + 1 }, String));
  for (const body of ['{}', 'null', '[1]', '[', all]) t.deepEqual(roster.read([event(`["occupants",${body}]`)]), []);
  t.is(roster.read([list()]).length, 1, 'ann is still thought to be here');
});

test('law 9: of too many users the one of whom was told first is forgotten', (t) => {
  const roster = new Roster(key);
  roster.read(Array.from({ length: rosterMost + 1 }, (_, i) => came(`u${i}`)));
  const left = roster.read([list()]).map(({ except }) => except);
  t.is(left.length, rosterMost);
  t.false(left.includes('u0'));
});
