/** The message routes, relative to HTTP_BASE_PATH. Each only translates between HTTP and the chat. */
import { Hono, type Context } from 'hono';
import type { Chat, Done, Finish, Result } from '../../edge/port.js';
import type { AppEnv } from '../context.js';
import { failure, success, successOf } from '../envelope.js';
import { linesOf } from '../lines.js';
import { withJson } from '../middleware/json-body.js';

export function messageRoutes(chat: Chat): Hono<AppEnv> {
  const routes = new Hono<AppEnv>({ strict: false });

  routes.post('/', (c) =>
    withJson(c, async (body) => {
      const result = await finished((finish) => {
        chat.send(c.get('caller'), body, finish);
      });
      return result.ok ? success(c, 'Message sent', result.value.body, 201) : failure(c, result);
    }),
  );

  routes.get('/room/:roomId', async (c) =>
    page(c, await chat.history(c.get('caller'), { ...pageQuery(c), roomId: c.req.param('roomId') })),
  );

  routes.get('/direct/:userId', async (c) =>
    page(c, await chat.history(c.get('caller'), { ...pageQuery(c), userId: c.req.param('userId') })),
  );

  routes.get('/room/:roomId/changes', async (c) =>
    linesOf(c, await chat.changes(c.get('caller'), { ...numbers(c, ['since']), roomId: c.req.param('roomId') })),
  );

  routes.get('/direct/:userId/changes', async (c) =>
    linesOf(c, await chat.changes(c.get('caller'), { ...numbers(c, ['since']), userId: c.req.param('userId') })),
  );

  routes.get('/unread/:roomId', async (c) => {
    const result = await chat.unread(c.get('caller'), { roomId: c.req.param('roomId') });
    return result.ok ? success(c, 'Unread messages', `{"count":${result.value}}`) : failure(c, result);
  });

  for (const level of ['delivered', 'read'] as const) {
    routes.put(`/${level}`, (c) =>
      withJson(c, async (body) => {
        const result = await chat.markAndList(c.get('caller'), level, body);
        return result.ok ? success(c, `Messages marked as ${level}`, result.value) : failure(c, result);
      }),
    );
  }

  routes.patch('/:messageId', (c) =>
    withJson(c, async (body) => {
      const result = await finished((finish) => {
        chat.edit(c.get('caller'), withMessageId(body, c.req.param('messageId')), finish);
      });
      return result.ok ? success(c, 'Message edited', result.value.body) : failure(c, result);
    }),
  );

  routes.delete('/:messageId', async (c) => {
    const result = await finished((finish) => {
      chat.remove(c.get('caller'), { messageId: c.req.param('messageId') }, finish);
    });
    return result.ok ? success(c, 'Message deleted', result.value.body) : failure(c, result);
  });

  return routes;
}

function finished(start: (finish: Finish) => void): Promise<Result<Done>> {
  return new Promise(start);
}

/** The path says which message it is, whatever the body says. A body that is no object stays what it is, to be refused. */
function withMessageId(body: unknown, messageId: string): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body, messageId } : body;
}

/** Query values arrive as texts: those that spell a whole number become one, the others are left to be refused. */
function numbers(c: Context, names: readonly string[]): Readonly<Record<string, unknown>> {
  const query: Record<string, unknown> = {};
  for (const name of names) {
    const value = c.req.query(name);
    if (value !== undefined) query[name] = /^\d{1,16}$/.test(value) ? Number(value) : value;
  }
  return query;
}

function pageQuery(c: Context): Readonly<Record<string, unknown>> {
  return numbers(c, ['limit', 'offset', 'before', 'after', 'around']);
}

function page(c: Context, result: Result<string>): Response {
  return result.ok ? successOf(c, 'Messages', result.value) : failure(c, result);
}
