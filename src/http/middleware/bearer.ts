/** Who is calling: `Authorization: Bearer <JWT>`. Everything behind it finds the verified caller in the context. */
import { createMiddleware } from 'hono/factory';
import type { Tokens } from '../../edge/port.js';
import { refuse } from '../../edge/refusals.js';
import type { AppEnv } from '../context.js';
import { failure } from '../envelope.js';

export function bearer(tokens: Tokens) {
  return createMiddleware<AppEnv>(async function bearer(c, next) {
    const header = c.req.header('authorization') ?? '';
    const space = header.indexOf(' ');
    if (header.slice(0, space).toLowerCase() !== 'bearer') return failure(c, refuse('UNAUTHENTICATED'));
    const result = tokens.verify(header.slice(space + 1).trim());
    if (!result.ok) return failure(c, result);
    c.set('caller', result.value);
    return next();
  });
}
