/** The request's JSON body: bounded, UTF-8 and nothing else. What it contains is checked further in. */
import type { Context } from 'hono';
import type { Result } from '../../edge/port.js';
import { refuse } from '../../edge/refusals.js';
import { failure } from '../envelope.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Runs `use` with the parsed body, or answers what is wrong with it. */
export async function withJson(c: Context, use: (body: unknown) => Promise<Response>): Promise<Response> {
  if (!isJson(c.req.header('content-type')) || c.req.header('content-encoding') !== undefined) {
    return failure(c, refuse('MALFORMED', 'The body must be application/json in UTF-8, not compressed'));
  }
  const body = parse(await c.req.arrayBuffer());
  return body.ok ? use(body.value) : failure(c, body);
}

/** A missing type is taken for JSON; anything else said must be true. */
function isJson(header: string | undefined): boolean {
  if (header === undefined) return true;
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  if (!/^\s*application\/(json|[\w.-]+\+json)\s*$/.test(type)) return false;
  return parameters.every((each) => !/^\s*charset\s*=/.test(each) || /^\s*charset\s*=\s*"?utf-8"?\s*$/.test(each));
}

/** The engine's parser uses no stack per level, so depth is bounded by the size alone. Its messages quote the body. */
function parse(bytes: ArrayBuffer): Result<unknown> {
  try {
    return { ok: true, value: JSON.parse(decoder.decode(bytes)) as unknown };
  } catch {
    return refuse('MALFORMED', 'The body is not valid JSON in UTF-8');
  }
}
