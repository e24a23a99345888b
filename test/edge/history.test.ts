/** Pages: from memory where a room has them, else from the store; after access, and shared. */
import test from 'ava';
import type { PageCommand } from '../../src/actors/protocol/commands.js';
import { chatStage, identity, membership, uuid } from './support/fakes.js';

const ann = identity('ann');
const remembered = '{"data":[],"pagination":{"limit":50,"offset":0,"total":0,"next":null,"prev":null}}';

test('a page that memory has is answered as it is, and the store is not asked', async (t) => {
  const { chat, rooms, reads } = chatStage();
  const asked: PageCommand[] = [];
  rooms.memory = (command) => {
    asked.push(command);
    return Promise.resolve(remembered);
  };
  t.deepEqual(await chat.history(ann, { roomId: 'r', before: 9, limit: 3 }), { ok: true, value: remembered });
  t.like(asked, [{ kind: 'page', key: 'r', query: { limit: 3, from: { by: 'before', seq: 9 } } }]);
  t.deepEqual(reads.calls, []);
  t.like(chat.counts(), { pages: { memory: 1, store: 0, shared: 0 } });
});

test('a page that memory has not comes from the store, and one far behind memory is not asked for there', async (t) => {
  const { chat, rooms, reads } = chatStage({ ROOM_RECENT_MESSAGES: '2' });
  for (let n = 1; n <= 5; n += 1) reads.add('r', uuid(n));
  let asked = 0;
  rooms.memory = () => {
    asked += 1;
    return Promise.resolve(null);
  };
  t.true((await chat.history(ann, { roomId: 'r' })).ok);
  t.is(asked, 1);
  t.true((await chat.history(ann, { roomId: 'r', offset: 2 })).ok);
  t.is(asked, 1);
  t.deepEqual(reads.calls, ['page', 'page']);
  t.like(chat.counts(), { pages: { memory: 0, store: 2, shared: 0 } });
});

test('law 10: who may not see a room gets nothing out of its memory, nor by a page that others are waiting for', async (t) => {
  const { chat, rooms } = chatStage({}, membership({ r: ['bob'] }));
  let asked = 0;
  let answer = (): void => undefined;
  rooms.memory = () => {
    asked += 1;
    return new Promise((resolve) => (answer = () => resolve(remembered)));
  };
  const bobs = chat.history(identity('bob'), { roomId: 'r' });
  t.like(await chat.history(ann, { roomId: 'r' }), { ok: false, rejection: { code: 'NOT_FOUND' } });
  t.is(asked, 1);
  answer();
  t.deepEqual(await bobs, { ok: true, value: remembered });
});

test('equal pages asked for at once are read once more at most, different ones are not mixed up', async (t) => {
  const { chat, reads } = chatStage();
  for (let n = 1; n <= 9; n += 1) {
    reads.add('r', uuid(n));
    reads.add('s', uuid(100 + n));
  }
  const queries = [{}, { limit: 2 }, { before: 5 }, { after: 5 }, { around: 5 }, { offset: 5 }];
  const inputs = ['r', 's'].flatMap((roomId) => queries.map((query) => ({ roomId, ...query })));
  const asked = await Promise.all(inputs.flatMap((input) => [1, 2, 3].map(() => chat.history(ann, input))));
  t.is(reads.calls.length, inputs.length * 2);
  for (const [at, input] of inputs.entries()) {
    const alone = await chat.history(ann, input);
    for (const one of asked.slice(at * 3, at * 3 + 3)) t.deepEqual(one, alone, JSON.stringify(input));
  }
  t.is(chat.counts().pages.shared, inputs.length);
});
