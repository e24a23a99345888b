/**
 * Display names of users, from the Authentication Service where it is configured. A name is what is remembered at this
 * moment: asking never waits, a missing or old one is fetched in the background for the next time.
 */
import { isPrintableId } from '../actors/protocol/ids.js';
import type { Config } from '../config.js';
import type { Log } from '../observe/log.js';
import { Answers } from './neighbours/answers.js';
import { Neighbour, segment } from './neighbours/neighbour.js';

export interface Directory {
  /** Null while nothing is known, and for users without a display name. */
  displayName(userId: string): string | null;
}

export interface DirectoryOptions {
  readonly config: Pick<
    Config,
    | 'authServiceUrl'
    | 'neighbourTimeoutMs'
    | 'neighbourCacheTtlMs'
    | 'neighbourStaleTtlMs'
    | 'neighbourCacheSize'
    | 'idMaxLength'
  >;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export function createDirectory({ config, log, now = () => performance.now() }: DirectoryOptions): Directory {
  const url = config.authServiceUrl;
  if (url === null) return { displayName: () => null };
  const neighbour = new Neighbour({
    name: 'authentication-service',
    url,
    timeoutMs: config.neighbourTimeoutMs,
    log,
    now,
    // Nobody waits for a name, so a small part of the neighbour's strength will do.
    concurrency: 8,
    maxBytes: 65_536,
  });
  const answers = new Answers<string | null>({
    size: config.neighbourCacheSize,
    staleMs: config.neighbourStaleTtlMs,
    ask: async (userId) => {
      const name = segment(userId);
      if (name === null) return null;
      const user = await neighbour.lookup(`/internal/users/${name}`, (body) => readUser(body, config.idMaxLength));
      return user === null ? null : user.displayName;
    },
    now,
  });

  return {
    displayName(userId) {
      const known = answers.get(userId);
      if (known === undefined || (now() - known.at >= config.neighbourCacheTtlMs && !answers.serves(known))) {
        void answers.ask(userId);
      }
      if (known === undefined || now() - known.at >= config.neighbourCacheTtlMs + config.neighbourStaleTtlMs)
        return null;
      return known.value;
    },
  };
}

/** `{ success, user: { id, username, display_name } }` */
function readUser(body: unknown, maxLength: number): { readonly displayName: string | null } | undefined {
  if (typeof body !== 'object' || body === null || !('user' in body)) return undefined;
  const user = body.user;
  if (typeof user !== 'object' || user === null) return undefined;
  const name: unknown = 'display_name' in user ? user.display_name : null;
  if (name === null || name === undefined || name === '') return { displayName: null };
  // Names travel in every message and into the store: the same rule as for ids.
  return typeof name === 'string' && isPrintableId(name, maxLength) ? { displayName: name } : undefined;
}
