/** The REST interface in front of stand-ins; requests go to the app without a port. */
import jwt from 'jsonwebtoken';
import { developmentSecret } from '../../../src/config.js';
import { createAccess, type Access } from '../../../src/edge/access.js';
import { createChat } from '../../../src/edge/chat.js';
import type { Chat } from '../../../src/edge/port.js';
import { createPresence } from '../../../src/edge/presence.js';
import { createLimits } from '../../../src/edge/rate-limiter.js';
import { createTokens } from '../../../src/edge/tokens.js';
import { createHealth, type Check, type Health } from '../../../src/http/health.js';
import { createHttp, type Http, type Timeouts } from '../../../src/http/server.js';
import { configOf, FakeReads, FakeRooms, recordedLog, type Line } from '../../edge/support/fakes.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface HttpStage extends Http {
  readonly rooms: FakeRooms;
  readonly reads: FakeReads;
  readonly health: Health;
  readonly lines: Line[];
  /** @param user null sends no token */
  call(
    method: string,
    path: string,
    body?: unknown,
    user?: string | null,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export interface StageOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly access?: Access;
  readonly chat?: Partial<Chat>;
  readonly checks?: Readonly<Record<string, Check>>;
  readonly metrics?: () => Promise<{ contentType: string; body: string }>;
  readonly timeouts?: Timeouts;
}

export function tokenOf(user: string): string {
  return jwt.sign({ id: user, username: user }, developmentSecret);
}

export function httpStage(options: StageOptions = {}): HttpStage {
  const config = configOf({ RATE_LIMIT_ENABLED: 'false', ...options.env });
  const { log, lines } = recordedLog();
  const rooms = new FakeRooms();
  const reads = new FakeReads();
  const limits = createLimits(config, () => 0);
  const access = options.access ?? createAccess({ config, log });
  const chat = createChat({ config, rooms, reads, access, directory: { displayName: () => null }, limits, log });
  const health = createHealth({ checks: options.checks ?? {}, reuseMs: 0 });
  health.enter('serving');
  const http = createHttp({
    config,
    chat: { ...chat, ...options.chat },
    tokens: createTokens({ config }),
    presence: createPresence({ config, log }),
    limits,
    health,
    metrics: options.metrics ?? (() => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' })),
    rooms,
    log,
    ...(options.timeouts && { timeouts: options.timeouts }),
  });
  return {
    ...http,
    rooms,
    reads,
    health,
    lines,
    async call(method, path, body, user = 'ann', headers = {}) {
      const init: RequestInit = {
        method,
        headers: {
          ...(user === null ? {} : { authorization: `Bearer ${tokenOf(user)}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: raw(body) }),
      };
      return answerOf(await http.app.request(path, init));
    },
  };
}

function raw(body: unknown): string | Blob {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new Blob([new Uint8Array(body)]);
  return JSON.stringify(body);
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: Readonly<Record<string, unknown>> = {};
  if ((response.headers.get('content-type') ?? '').startsWith('application/json')) {
    body = JSON.parse(text) as Readonly<Record<string, unknown>>;
  }
  return { status: response.status, headers: response.headers, text, body };
}
