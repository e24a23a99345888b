/** What is not kept of a connection once its handshake is over: its request and its token. */
import test from 'ava';
import type { IncomingMessage } from 'node:http';
import { reject } from '../../src/actors/rejections.js';
import type { Tokens } from '../../src/edge/port.js';
import { uncollected } from './support/garbage.js';
import { ask, world } from './support/world.js';

/** Takes objects for tokens, so that it can be seen whether they are kept. */
function objectTokens(seen: WeakRef<object>[]): Tokens {
  return {
    verify: (token) => {
      if (typeof token !== 'object' || token === null || !('of' in token) || typeof token.of !== 'string')
        return { ok: false, rejection: reject('UNAUTHENTICATED') };
      seen.push(new WeakRef(token));
      return { ok: true, value: { userId: token.of, username: token.of, expiresAt: null } };
    },
  };
}

for (const transports of [['websocket'], ['polling', 'websocket']])
  test(`neither the request nor the token of a handshake is kept: ${transports.join(', then ')}`, async (t) => {
    const tokens: WeakRef<object>[] = [];
    const requests: WeakRef<object>[] = [];
    const { client, server, join } = await world(t, {}, undefined, objectTokens(tokens));
    for (const event of ['request', 'upgrade'])
      server.on(event, (request: IncomingMessage) => requests.push(new WeakRef(request)));
    const ann = await client(null, { auth: { token: { of: 'ann' } }, transports });
    const engine = ann.io.engine;
    if (engine.transport.name !== 'websocket') await new Promise((resolve) => engine.once('upgrade', resolve));
    await join(ann, 'r');
    t.is(tokens.length, 1);
    t.true(requests.length > 0);
    t.deepEqual(await uncollected([...tokens, ...requests]), []);
    t.like(await ask(ann, 'get_messages', {}), { success: true }, 'the socket is as good as before');
  });

test('a token that came by the event is not kept', async (t) => {
  const tokens: WeakRef<object>[] = [];
  const { client } = await world(t, {}, undefined, objectTokens(tokens));
  const ann = await client(null);
  t.like(await ask(ann, 'authenticate', { userId: 'ann', token: { of: 'ann' } }), { success: true });
  t.deepEqual(await uncollected(tokens), []);
  t.like(await ask(ann, 'get_messages', {}), { success: true });
});
