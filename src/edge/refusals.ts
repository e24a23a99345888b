/** How the edges phrase a refusal: a code of the closed table, and when to come back if that helps. */
import { reject, rejections, type Rejection, type RejectionCode } from '../actors/rejections.js';
import type { Result } from './port.js';

type Refused = Extract<Result<never>, { ok: false }>;

/** What a client waits before it repeats something that was refused for the state of the server, in ms. */
const comeBackMs = 1_000;

/** @param retryAfterMs said for retryable codes; a second unless known better */
export function refuse(code: RejectionCode, message?: string, retryAfterMs?: number): Refused {
  return refusal(reject(code, message), retryAfterMs);
}

export function refusal(rejection: Rejection, retryAfterMs: number = comeBackMs): Refused {
  return rejections[rejection.code].retryable ? { ok: false, rejection, retryAfterMs } : { ok: false, rejection };
}

export function invalid(message: string): Refused {
  return refuse('VALIDATION', message);
}

/**
 * What is said of something absent and of something that the caller may not see: always the same words, so that nobody
 * learns from the answer whether an id exists.
 */
export const absent = {
  room: reject('NOT_FOUND', 'Room not found'),
  message: reject('NOT_FOUND', 'Message not found'),
} as const;
