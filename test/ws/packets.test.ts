/** The version in the body of a join, whatever the room is called and however the body is ordered. */
import test from 'ava';
import { joinedVersion, withFields } from '../../src/ws/packets.js';

const done = (body: unknown) => ({ key: 'r', body: JSON.stringify(body), resync: null, at: 0 });

test('the version of a join is found behind messages that have versions too', (t) => {
  const messages = [{ version: 3, content: '],"version":9' }];
  t.is(joinedVersion(done({ roomId: 'r', messages, success: true, seq: 4, version: 7, unread: 0 })), 7);
  t.is(joinedVersion(done({ roomId: 'a],"version":9', messages: [], success: true, seq: 4, version: 7 })), 7);
  t.is(joinedVersion(done({ version: 7, messages, roomId: '],"version":9,"a":1}' })), 7);
  t.is(joinedVersion(done({ version: 7, seq: 1, messages })), 7);
  t.is(joinedVersion(done({ messages: [], roomId: '],[', version: 7 })), 7);
});

test('fields are put into objects, empty ones too', (t) => {
  t.is(withFields('"a":1', '{}'), '{"a":1}');
  t.is(withFields('"a":1', '{"b":2}'), '{"a":1,"b":2}');
});
