/**
 * The HTTP server that REST and Socket.IO share. Everything that a slow or hostile connection could hold is bounded:
 * headers, time to send a request, number of connections.
 */
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Config } from '../config.js';
import { refuse } from '../edge/refusals.js';
import { createApp, type AppParts } from './app.js';
import type { AppEnv } from './context.js';
import { closeLingering } from './lingering-close.js';
import { refuseUnparsable } from './unparsable.js';

export interface HttpParts extends AppParts {
  readonly config: AppParts['config'] & Pick<Config, 'maxSockets'>;
  readonly timeouts?: Timeouts;
}

/** All in ms. */
export interface Timeouts {
  /** To receive the headers. Defaults to 10 s. */
  readonly headers: number;
  /** To receive the whole request. Defaults to 30 s. */
  readonly request: number;
  /** How often both are checked. Defaults to 2 s. */
  readonly check: number;
  /** An idle connection is kept; longer than the usual minute of a balancer, so that the balancer closes it. */
  readonly keepAlive: number;
  /** For a client to close a connection that the server has ended, so that the answer reaches it. Defaults to 10 s. */
  readonly linger: number;
}

const usual: Timeouts = { headers: 10_000, request: 30_000, check: 2_000, keepAlive: 65_000, linger: 10_000 };

/** Thrown away of what a client sends although it was refused; over it the connection is cut. */
const lingerBytes = 16 * 1024 * 1024;

/** Room for a token of 8 KB and what proxies add. */
const maxHeaderSize = 16_384;

export interface Http {
  /** Not listening yet; Socket.IO attaches to it. */
  readonly server: Server;
  readonly app: Hono<AppEnv>;
}

export function createHttp(parts: HttpParts): Http {
  const app = createApp(parts);
  const timeouts = parts.timeouts ?? usual;
  const listener = getRequestListener(app.fetch, { errorHandler: unreadable });
  const server = createServer(
    {
      maxHeaderSize,
      // The app refuses a request without a host, as JSON.
      requireHostHeader: false,
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      connectionsCheckingInterval: timeouts.check,
      keepAliveTimeout: timeouts.keepAlive,
    },
    (incoming, outgoing) => {
      void listener(incoming, outgoing);
    },
  );
  closeLingering(server, { ms: timeouts.linger, bytes: lingerBytes });
  refuseUnparsable(server);
  // A polling client may hold two connections; the rest is for REST.
  server.maxConnections = parts.config.maxSockets * 2 + 1_000;
  return { server, app };
}

/** Requests that never become one for the app: no host, a bad URL. */
function unreadable(): Response {
  const { message, code } = refuse('MALFORMED').rejection;
  return Response.json({ success: false, message, code }, { status: 400 });
}
