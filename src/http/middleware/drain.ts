/** While the service shuts down: connections are not kept, and new work is sent elsewhere. */
import { createMiddleware } from 'hono/factory';
import { refuse } from '../../edge/refusals.js';
import type { AppEnv } from '../context.js';
import { failure } from '../envelope.js';
import type { Health } from '../health.js';

/** Every answer of a draining server ends its connection, so that a balancer opens the next one elsewhere. */
export function closeWhileDraining(health: Health) {
  return createMiddleware<AppEnv>(async function closeWhileDraining(c, next) {
    await next();
    if (health.phase === 'leaving' || health.phase === 'draining') c.header('Connection', 'close');
  });
}

export function refuseWhileDraining(health: Health) {
  return createMiddleware<AppEnv>(async function refuseWhileDraining(c, next) {
    if (health.phase === 'serving' || health.phase === 'leaving') return next();
    return failure(c, health.phase === 'draining' ? refuse('DRAINING') : refuse('UNAVAILABLE'));
  });
}
