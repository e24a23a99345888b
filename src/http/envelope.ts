/** The answers of the REST interface: `{ success, message?, data?, pagination? }` and `{ success: false, message, code }`. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { reject } from '../actors/rejections.js';
import type { Result } from '../edge/port.js';
import { statusOf } from './status.js';

type Refused = Extract<Result<never>, { ok: false }>;

const json = { 'Content-Type': 'application/json; charset=UTF-8' } as const;

/** A success whose `data` is JSON text already: it is spliced in, never parsed and printed again. */
export function success(c: Context, message: string, data: string, status: ContentfulStatusCode = 200): Response {
  return successOf(c, message, `{"data":${data}}`, status);
}

/** @param fields JSON text of an object: `data` and whatever is beside it */
export function successOf(c: Context, message: string, fields: string, status: ContentfulStatusCode = 200): Response {
  return c.body(`{"success":true,"message":${JSON.stringify(message)},${fields.slice(1)}`, status, json);
}

/** A refusal with its status, and `Retry-After` in whole seconds where coming back helps. */
export function failure(c: Context, refused: Refused, status?: ContentfulStatusCode): Response {
  const { rejection, retryAfterMs } = refused;
  const answer = status ?? statusOf[rejection.code];
  if (retryAfterMs !== undefined) c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  c.set('refusal', rejection.code);
  // The rest of a body that is too large is thrown away unread, so nothing can follow it on its connection.
  if (answer === 413) c.header('Connection', 'close');
  if (answer === 401) c.header('WWW-Authenticate', 'Bearer');
  return c.json({ success: false, message: rejection.message, code: rejection.code }, answer);
}

export function notFound(c: Context): Response {
  return failure(c, { ok: false, rejection: reject('NOT_FOUND', 'No such route') });
}

/** A known path with another method: 404 as for any other route that does not exist, and what does exist in `Allow`. */
export function methodNotAllowed(c: Context, allowed: readonly string[]): Response {
  c.header('Allow', allowed.join(', '));
  return failure(c, { ok: false, rejection: reject('NOT_FOUND', 'No such route: the path takes other methods') });
}
