/** Lines of JSON as a response: each chunk is made when the connection takes it, so a slow reader fills no memory. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { ChangeLines, Result } from '../edge/port.js';
import { failure } from './envelope.js';

const ndjson = { 'Content-Type': 'application/x-ndjson; charset=UTF-8' } as const;
const encoder = new TextEncoder();

export function linesOf(c: Context, opened: Result<ChangeLines>): Response {
  if (!opened.ok) return failure(c, opened);
  const lines = opened.value;
  if (c.req.method === 'HEAD') {
    lines.close();
    return c.body(null, 200, ndjson);
  }
  // Absent where a test calls the app without a server.
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  // Nobody reads: cut, since what was sent must not look like a whole answer.
  lines.onLapse(() => outgoing?.destroy());
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await lines.next();
        if (chunk === null) controller.close();
        else controller.enqueue(encoder.encode(chunk));
      },
      cancel() {
        lines.close();
      },
    },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, ndjson);
}
