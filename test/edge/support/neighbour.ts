/** A local HTTP server that answers as told, badly too: late, broken, huge, not at all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export type Handler = (call: Call, response: ServerResponse) => void;

export interface Stage {
  readonly url: string;
  readonly calls: Call[];
  handler: Handler;
  /** Resolves when the server has seen `count` calls in all. */
  seen(count: number): Promise<void>;
}

export function json(body: unknown, status = 200): Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
}

/** Leaves the request without an answer. */
export const silence: Handler = () => undefined;

export async function neighbour(t: ExecutionContext, handler: Handler): Promise<Stage> {
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const stage: Stage = {
    url: '',
    calls: [],
    handler,
    seen: (count) =>
      stage.calls.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
  };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const call = { method: request.method ?? '', path: request.url ?? '', body };
      stage.calls.push(call);
      stage.handler(call, response);
      for (const each of waiting) if (stage.calls.length >= each.count) each.resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(stage, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function text(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  return body;
}
