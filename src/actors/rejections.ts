/**
 * The closed table of refusals. A refusal is a value, never a throw; its code is what a client programs against.
 * Adding a row is a change of the public contract; the HTTP status of each code lives in `src/http/status.ts`.
 */
export const rejections = {
  VALIDATION: { retryable: false, message: 'The request is not valid' },
  MALFORMED: { retryable: false, message: 'The request could not be parsed' },
  TOO_LARGE: { retryable: false, message: 'The request is too large' },
  UNAUTHENTICATED: { retryable: false, message: 'Not authenticated' },
  TOKEN_EXPIRED: { retryable: false, message: 'The token has expired' },
  FORBIDDEN: { retryable: false, message: 'Not allowed' },
  NOT_FOUND: { retryable: false, message: 'Not found' },
  UNPROCESSABLE: { retryable: false, message: 'The request cannot be stored' },
  RATE_LIMITED: { retryable: true, message: 'Too many requests' },
  TOO_MANY_SOCKETS: { retryable: false, message: 'Too many connections of this user' },
  OVERLOADED: { retryable: true, message: 'Too busy, try again shortly' },
  UNAVAILABLE: { retryable: true, message: 'Temporarily unavailable, try again shortly' },
  DRAINING: { retryable: true, message: 'The server is shutting down, reconnect' },
  INTERNAL: { retryable: false, message: 'Internal error' },
} as const satisfies Record<string, { retryable: boolean; message: string }>;

export type RejectionCode = keyof typeof rejections;

/** A refusal as it travels between threads: plain data, since errors lose class and code on the way. */
export interface Rejection {
  readonly code: RejectionCode;
  /** Shown to the caller. Never holds message content, tokens or ids of rooms the caller may not see. */
  readonly message: string;
  /**
   * For the edge alone, never shown: the version at which the caller's access ended. Whoever has access all the same asks
   * for it anew and says so with the command (`admitted`).
   */
  readonly removal?: number;
}

/** A refusal of the table, with the table's own message unless a more helpful one is given. */
export function reject(code: RejectionCode, message?: string): Rejection {
  return { code, message: message ?? rejections[code].message };
}
