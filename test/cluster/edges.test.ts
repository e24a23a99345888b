/** What users notice of other nodes' edges: direct conversations, their own other sockets, presence, and nonsense between servers. Needs Redis. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { Redis } from 'ioredis';
import { eventually } from '../harness/eventually.js';
import { tokenFor } from '../harness/token.js';
import type { WireMessage } from '../harness/wire.js';
import { Nodes } from './support/nodes.js';

test('direct messages, receipts of one’s own and who is online cross the nodes; nonsense between servers harms nothing', async (t) => {
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const nodes = await Nodes.start(t, 2, { REDIS_PREFIX: prefix });
  await nodes.shared([0, 1]);
  const ann = await nodes.client(t, 0, 'ann');
  const [bob, tablet] = [await nodes.client(t, 1, 'bob'), await nodes.client(t, 0, 'bob')];
  const redis = new Redis();
  t.teardown(() => redis.disconnect());
  for (const text of ['{', '{}', 'null', '\u00c0', '{"type":6}', '{"type":5,"opts":7}', '{"type":7,"opts":null}'])
    for (const channel of ['-request#/#', '-response#/#', '#/#', '#/#user:bob#'])
      await redis.publish(`${prefix}:sockets${channel}`, text);

  const direct = [bob, tablet].map((socket) => socket.wait<WireMessage>('new_message'));
  const sent = await ann.ask('send_message', { receiver_id: 'bob', content: 'hello' });
  t.like(sent, { success: true });
  const messages = await Promise.all(direct);
  t.deepEqual(messages[0], messages[1]);
  const marked = tablet.wait('marked_read');
  t.like(await bob.ask('mark_read', { messageIds: [sent.message?.id] }), { success: true });
  t.like((await marked).data, { userId: 'bob', upTo: 1 });

  const online = async (node: number): Promise<Record<string, boolean>> => {
    const answer = await fetch(`${nodes.at(node).url}/presence/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokenFor('zoe')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userIds: ['ann', 'bob', 'zoe'] }),
    });
    return ((await answer.json()) as { onlineStatus: Record<string, boolean> }).onlineStatus;
  };
  await eventually(async () => (await online(1))['ann'] === true, 'ann is seen');
  t.deepEqual(await online(0), { ann: true, bob: true, zoe: false });
  await nodes.at(0).kill9();
  await eventually(async () => (await online(1))['ann'] === false, 'ann is gone');
});
