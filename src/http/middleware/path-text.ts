/** Refuses paths whose percent-encoding is no UTF-8: they would be taken for ids that they do not spell. */
import { createMiddleware } from 'hono/factory';
import { refuse } from '../../edge/refusals.js';
import type { AppEnv } from '../context.js';
import { failure } from '../envelope.js';

export const pathText = createMiddleware<AppEnv>(async function pathText(c, next) {
  const { url } = c.req;
  if (url.includes('%')) {
    const query = url.indexOf('?');
    try {
      decodeURIComponent(query === -1 ? url : url.slice(0, query));
    } catch {
      return failure(c, refuse('MALFORMED', 'The path is not valid'));
    }
  }
  return next();
});
