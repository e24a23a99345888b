/** The REST interface as a Hono app: middleware in order, routes, and one place for everything that goes wrong. */
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed as otherMethods } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import type { Config } from '../config.js';
import { describe } from '../edge/failures.js';
import type { Chat, Presence, Tokens } from '../edge/port.js';
import type { Limits } from '../edge/rate-limiter.js';
import { refuse } from '../edge/refusals.js';
import type { Log } from '../observe/log.js';
import type { Rooms } from '../runtime/rooms.js';
import type { AppEnv } from './context.js';
import { failure, methodNotAllowed, notFound } from './envelope.js';
import type { Health } from './health.js';
import { bearer } from './middleware/bearer.js';
import { closeWhileDraining, refuseWhileDraining } from './middleware/drain.js';
import { pathText } from './middleware/path-text.js';
import { requestLog, type OnRequest } from './middleware/request-log.js';
import { messageRoutes } from './routes/messages.js';
import { operationRoutes, type Metrics } from './routes/operations.js';
import { presenceRoutes } from './routes/presence.js';

export interface AppParts {
  readonly config: Pick<Config, 'httpBasePath' | 'corsOrigins' | 'bodyMaxBytes' | 'idMaxLength'>;
  readonly chat: Chat;
  readonly tokens: Tokens;
  readonly presence: Presence;
  readonly limits: Limits;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly onRequest?: OnRequest;
  readonly rooms: Pick<Rooms, 'accepting'>;
  readonly log: Log;
}

export function createApp(parts: AppParts): Hono<AppEnv> {
  const { config, chat, tokens, presence, limits, health, metrics, rooms, log } = parts;
  const app = new Hono<AppEnv>({ strict: false });

  app.use(requestId({ limitLength: 64 }));
  app.use(requestLog(log, parts.onRequest));
  app.use(closeWhileDraining(health));
  app.use(secureHeaders());
  app.use(noStore());
  app.use(
    cors({
      origin: origins(config.corsOrigins),
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
      exposeHeaders: ['Retry-After', 'X-Request-Id'],
      maxAge: 600,
    }),
  );
  app.use(otherMethods<AppEnv>({ app, onMethodNotAllowed: methodNotAllowed }));
  app.use(pathText);

  // First, so that they win over /:messageId where the message routes start at /.
  app.route('/', operationRoutes(health, metrics, rooms));

  for (const path of ['/presence/*', `${config.httpBasePath === '/' ? '' : config.httpBasePath}/*`]) {
    app.use(path, refuseWhileDraining(health));
    app.use(path, bearer(tokens));
    app.use(path, bodyLimit({ maxSize: config.bodyMaxBytes, onError: (c) => failure(c, refuse('TOO_LARGE')) }));
  }
  app.route('/presence', presenceRoutes(presence, limits.requests, config.idMaxLength));
  app.route(config.httpBasePath, messageRoutes(chat));

  app.notFound(notFound);
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status < 500) return failure(c, refuse('MALFORMED'));
    // The caller went away while the body was read: there is nobody to answer and nothing to repair.
    if (wasCut(c)) return failure(c, refuse('MALFORMED'));
    log.error(
      { requestId: c.get('requestId'), ...describe(error), stack: error.stack?.slice(0, 2_000) },
      'request threw',
    );
    return failure(c, refuse('INTERNAL'));
  });
  return app;
}

/** Whether the connection ended before the request had come in full: the caller cut it, or the parser did. */
function wasCut(c: Context<AppEnv>): boolean {
  // Absent where a test calls the app without a server. The signal does not tell of every request behind another one.
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  return c.req.raw.signal.aborted || (incoming !== undefined && incoming.destroyed && !incoming.complete);
}

function noStore() {
  return async function noStore(
    c: { header(name: string, value: string): void },
    next: () => Promise<void>,
  ): Promise<void> {
    await next();
    c.header('Cache-Control', 'no-store');
  };
}

function origins(list: string): string | string[] {
  const each = list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
  return each.includes('*') ? '*' : each;
}
