/** The HTTP status of each code of the closed table; the code in the body is what a client programs against. */
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { RejectionCode } from '../actors/rejections.js';

export const statusOf: Readonly<Record<RejectionCode, ContentfulStatusCode>> = {
  VALIDATION: 400,
  MALFORMED: 400,
  TOO_LARGE: 413,
  UNAUTHENTICATED: 401,
  TOKEN_EXPIRED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  UNPROCESSABLE: 422,
  RATE_LIMITED: 429,
  TOO_MANY_SOCKETS: 403,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
  DRAINING: 503,
  INTERNAL: 500,
};
