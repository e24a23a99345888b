/**
 * From what Postgres or the connection says to what it means for a frame. The rule: a failure that the server reports as the
 * end of a statement means that nothing was written; anything else leaves the outcome unknown, which is `lost`.
 */
import pg from 'pg';
import { StoreError, type WriteFailure } from '../port.js';

/** Raised by append_frame, see sql/migrations/0012_append_frame.sql. */
const own: Readonly<Record<string, WriteFailure>> = { DC001: 'fenced', DC002: 'stale', DC003: 'stale' };

/** The seq of a created message is taken: the frame was built on a wrong state, no message is repeated. */
const placeConstraint = 'messages_pkey';

/**
 * @param code the SQLSTATE
 * @param constraint the constraint that was violated, if one was
 */
export function failureOf(code: string, constraint?: string): WriteFailure {
  const ours = own[code];
  if (ours !== undefined) return ours;
  if (code === '23505') return constraint === placeConstraint ? 'stale' : 'duplicate';
  // read-only: the session is on a server that became, or never was, the primary
  if (code === '25006' || code === '25P03' || code === '25P04') return 'lost';
  if (code.startsWith('57P') || code.startsWith('08')) return 'lost';
  if (code.startsWith('22') || code.startsWith('23') || code.startsWith('54')) return 'data';
  // cancelled: by `statement_timeout`
  if (code === '57014') return 'slow';
  // serialization, deadlock, lock time-out, out of resources; and whatever else a server may refuse with
  return 'transient';
}

/** Any error of node-postgres as a StoreError. The message holds the server's own, never its detail (which quotes values). */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof pg.DatabaseError && error.code !== undefined)
    // FATAL and PANIC end the session, so a commit may have been under way.
    return new StoreError(
      error.severity === 'FATAL' || error.severity === 'PANIC' ? 'lost' : failureOf(error.code, error.constraint),
      `${error.code}: ${error.message}`,
      { cause: error },
    );
  return new StoreError('lost', error instanceof Error ? error.message : String(error), { cause: error });
}
