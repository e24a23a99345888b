/**
 * Socket.IO packets as text, without engine.io's leading `4`: `2["event",body]` and `3<id>[body]`. Bodies that come encoded
 * from the rooms are spliced in, never parsed and printed again. Only the namespace `/` exists, so no packet names one.
 */
import { rejections, type Rejection } from '../actors/rejections.js';
import type { Done } from '../edge/port.js';
import type { Standing } from '../runtime/rooms.js';
import type { ServerEvent, ServerToClient } from './events.js';

/** An event with a body that is JSON text already. */
export function eventText(name: ServerEvent, body: string): string {
  return `2["${name}",${body}]`;
}

export function eventPacket<E extends ServerEvent>(name: E, body: Parameters<ServerToClient[E]>[0]): string {
  return eventText(name, JSON.stringify(body));
}

/** The acknowledgement of the client's packet `id`. */
export function ackText(id: number, body: string): string {
  return `3${id}[${body}]`;
}

/** Puts fields before those of an encoded object: `withFields('"a":1', '{"b":2}')` is `{"a":1,"b":2}`. */
export function withFields(fields: string, object: string): string {
  return object === '{}' ? `{${fields}}` : `{${fields},${object.slice(1)}`;
}

/** The body of a refused acknowledgement. */
export function refusedBody(rejection: Rejection, retryAfterMs: number | undefined): string {
  return JSON.stringify({
    success: false,
    error: rejection.message,
    code: rejection.code,
    retryable: rejections[rejection.code].retryable,
    retryAfterMs,
  });
}

/**
 * Where the room stands in the body of a join. The messages come before it and may be long: only what follows them is parsed,
 * unless the body is built in another order.
 */
export function joinedStanding(done: Done): Standing {
  const tail = done.body.lastIndexOf('],');
  const short = tail === -1 ? null : standingIn(`{${done.body.slice(tail + 2)}`);
  return short ?? standingIn(done.body) ?? { version: 0, seq: 0 };
}

function standingIn(text: string): Standing | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('version' in parsed) || !('seq' in parsed)) return null;
    const { version, seq } = parsed;
    return typeof version === 'number' && typeof seq === 'number' ? { version, seq } : null;
  } catch {
    return null;
  }
}
