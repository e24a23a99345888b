/** Where the room stands in the body of a join, whatever the room is called and however the body is ordered. */
import test from 'ava';
import { joinedStanding, withFields } from '../../src/ws/packets.js';

const done = (body: unknown) => ({ key: 'r', body: JSON.stringify(body), resync: null, at: 0 });

test('the standing of a join is found behind messages that have versions too', (t) => {
  const messages = [{ version: 3, content: '],"version":9' }];
  t.deepEqual(joinedStanding(done({ roomId: 'r', messages, success: true, seq: 4, version: 7, unread: 0 })), {
    version: 7,
    seq: 4,
  });
  t.deepEqual(joinedStanding(done({ roomId: 'a],"version":9', messages: [], success: true, seq: 4, version: 7 })), {
    version: 7,
    seq: 4,
  });
  t.deepEqual(joinedStanding(done({ version: 7, seq: 4, messages, roomId: '],"version":9,"a":1}' })), {
    version: 7,
    seq: 4,
  });
  t.deepEqual(joinedStanding(done({ version: 7, seq: 4, messages })), { version: 7, seq: 4 });
  t.deepEqual(joinedStanding(done({ messages: [], roomId: '],[', seq: 4, version: 7 })), { version: 7, seq: 4 });
});

test('fields are put into objects, empty ones too', (t) => {
  t.is(withFields('"a":1', '{}'), '{"a":1}');
  t.is(withFields('"a":1', '{"b":2}'), '{"a":1,"b":2}');
});
