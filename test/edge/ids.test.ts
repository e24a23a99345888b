/** Ids of messages. */
import test from 'ava';
import { UUID } from 'uuidv7';
import { isMessageId } from '../../src/actors/protocol/ids.js';
import { newId } from '../../src/edge/ids.js';

test('ids are UUID v7 of now, all different, in the order they were made', (t) => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, newId);
  for (const id of ids) if (!isMessageId(id) || UUID.parse(id).toString() !== id) t.fail(id);
  t.deepEqual(ids, [...new Set(ids)].toSorted());
  t.is(UUID.parse(ids[0] ?? '').getVersion(), 7);
  const made = parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16);
  t.true(made >= before && made <= Date.now());
});
