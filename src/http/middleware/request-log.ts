/** One line per request at debug, a warning for what failed on our side. Route templates, never paths: paths hold ids. */
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { FailureLog } from '../../edge/failures.js';
import type { Log } from '../../observe/log.js';
import type { RejectionCode } from '../../actors/rejections.js';
import type { AppEnv } from '../context.js';

/** Told of every answered request, for metrics. */
export type OnRequest = (method: string, route: string, status: number, refusal: RejectionCode | null) => void;

export function requestLog(log: Log, onRequest: OnRequest = () => undefined) {
  const failures = new FailureLog(log);
  return createMiddleware<AppEnv>(async function requestLog(c, next) {
    const start = performance.now();
    await next();
    const { status } = c.res;
    const route = routePath(c, -1);
    onRequest(c.req.method, route, status, c.get('refusal') ?? null);
    if (status < 500 && !log.isLevelEnabled('debug')) return;
    const fields = {
      requestId: c.get('requestId'),
      method: c.req.method,
      route,
      status,
      ms: Math.round(performance.now() - start),
    };
    if (status >= 500) failures.warn(`http_${status}`, fields, 'request failed');
    else log.debug(fields, 'request');
  });
}
