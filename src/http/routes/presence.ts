/** Heartbeats and the question who is online, always for the verified caller: a user id in the body means nothing here. */
import { Hono } from 'hono';
import { isPrintableId } from '../../actors/protocol/ids.js';
import type { Presence, RateLimiter, Result } from '../../edge/port.js';
import { invalid, refuse } from '../../edge/refusals.js';
import type { AppEnv } from '../context.js';
import { failure } from '../envelope.js';
import { withJson } from '../middleware/json-body.js';

/** Most users in one question. */
const usersAtOnce = 200;

export function presenceRoutes(presence: Presence, requests: RateLimiter, idMaxLength: number): Hono<AppEnv> {
  const routes = new Hono<AppEnv>({ strict: false });

  routes.use(async function spend(c, next) {
    const wait = requests.take(c.get('caller').userId);
    return wait === 0 ? next() : failure(c, refuse('RATE_LIMITED', undefined, wait));
  });

  routes.post('/heartbeat', (c) => {
    presence.heartbeat(c.get('caller').userId);
    return c.json({ success: true });
  });

  routes.post('/logout', (c) => {
    presence.logout(c.get('caller').userId);
    return c.json({ success: true });
  });

  routes.post('/users', (c) =>
    withJson(c, async (body) => {
      const userIds = readUserIds(body, idMaxLength);
      if (!userIds.ok) return failure(c, userIds);
      return c.json({ success: true, onlineStatus: await presence.online(userIds.value) });
    }),
  );

  return routes;
}

function readUserIds(body: unknown, idMaxLength: number): Result<readonly string[]> {
  const problem = invalid(`userIds must be an array of 1 to ${usersAtOnce} user ids`);
  if (typeof body !== 'object' || body === null || !('userIds' in body) || !Array.isArray(body.userIds)) return problem;
  const given: readonly unknown[] = body.userIds;
  if (given.length === 0 || given.length > usersAtOnce) return problem;
  const userIds = given.filter((id) => typeof id === 'string' && isPrintableId(id, idMaxLength)) as string[];
  return userIds.length === given.length ? { ok: true, value: userIds } : problem;
}
