/**
 * The only reader of the environment. Each setting is one row: name, default, unit, range, meaning. The README's table is
 * generated from these rows. A bad value ends the start with one line that names the variable.
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';

/** The development secret of the original services, so that their tokens work here without any setting. */
export const developmentSecret = 'your_jwt_secret_for_development_only';

interface Row<T> {
  readonly env: string;
  readonly schema: z.ZodType<T>;
  /** As shown in the README; the schema holds the real one. */
  readonly shown: string;
  readonly unit: string;
  readonly range: string;
  readonly doc: string;
  readonly group: string;
}

function row<T>(env: string, schema: z.ZodType<T>, shown: string, unit: string, range: string, group: string, doc: string): Row<T> {
  return { env, schema, shown, unit, range, doc, group };
}

function integer(env: string, byDefault: number, min: number, max: number, unit: string, group: string, doc: string): Row<number> {
  const schema = z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .prefault(String(byDefault));
  return row(env, schema, String(byDefault), unit, `${min}..${max}`, group, doc);
}

function text(env: string, group: string, doc: string, byDefault?: string): Row<string | null> {
  return row(env, byDefault === undefined ? z.string().nullable().prefault(null) : z.string().prefault(byDefault), byDefault ?? '', '', '', group, doc);
}

function url(env: string, protocols: readonly string[], group: string, doc: string): Row<string | null> {
  const schema = z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      `must be a URL starting with ${protocols.map((p) => `${p}://`).join(' or ')}`,
    )
    .nullable()
    .prefault(null);
  return row(env, schema, '', '', protocols.map((p) => `${p}://`).join(', '), group, doc);
}

function choice<const T extends string>(env: string, values: readonly [T, ...T[]], byDefault: T, group: string, doc: string): Row<T> {
  const schema = z.enum(values, `must be one of ${values.join(', ')}`).prefault(byDefault as z.input<z.ZodEnum<{ [K in T]: K }>>);
  return row(env, schema as z.ZodType<T>, byDefault, '', values.join(', '), group, doc);
}

function flag(env: string, byDefault: boolean, group: string, doc: string): Row<boolean> {
  const schema = z
    .enum(['true', 'false', '1', '0'], 'must be true or false')
    .transform((value) => value === 'true' || value === '1')
    .prefault(byDefault ? 'true' : 'false');
  return row(env, schema, String(byDefault), '', 'true, false', group, doc);
}

const defaultWorkers = Math.max(1, Math.min(8, availableParallelism() - 1));

/** Every setting of the service. */
export const rows = {
  nodeEnv: choice('NODE_ENV', ['development', 'production', 'test'], 'development', 'Service', 'In production weak secrets and an unsaid ROOM_ACCESS are refused, and logs are JSON'),
  port: integer('PORT', 3000, 0, 65535, 'TCP port', 'Service', 'Port of REST and Socket.IO; 0 takes a free one'),
  host: text('HOST', 'Service', 'Address to listen on', '0.0.0.0'),
  httpBasePath: row(
    'HTTP_BASE_PATH',
    z.string().regex(/^(\/|(\/[\w.~-]+)+)$/, 'must be / or a path like /messages').prefault('/messages'),
    '/messages', '', 'path', 'Service',
    'Prefix of the message routes; / behind a gateway that strips it',
  ),
  corsOrigins: text('CORS_ORIGINS', 'Service', 'Origins allowed to call from browsers, comma-separated; * allows all', '*'),
  logLevel: choice('LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', 'Service', 'Least severe level that is logged'),
  shutdownGraceMs: integer('SHUTDOWN_GRACE_MS', 10_000, 100, 600_000, 'ms', 'Service', 'A drain that takes longer ends the process with exit code 1'),

  dbHost: text('DB_HOST', 'Database', 'PostgreSQL server; unset starts the embedded one'),
  dbPort: integer('DB_PORT', 5432, 1, 65535, 'TCP port', 'Database', 'Its port'),
  dbName: text('DB_NAME', 'Database', 'Database name', 'dinguscord_messages'),
  dbUser: text('DB_USER', 'Database', 'User name', 'postgres'),
  dbPassword: text('DB_PASSWORD', 'Database', 'Password'),
  dbPoolSize: integer('DB_POOL_SIZE', 8, 1, 200, 'connections', 'Database', 'Connections for reads; each shard has one more of its own for writes'),
  dataDir: text('DATA_DIR', 'Database', 'Where the embedded database keeps its data', 'data'),

  jwtSecret: text('JWT_SECRET', 'Security', 'Secret of HS256 tokens; in production at least 32 characters and not the development one'),
  jwtPublicKey: text('JWT_PUBLIC_KEY', 'Security', 'PEM public key; when set, tokens must be RS256 and JWT_SECRET is not used'),
  roomAccess: row(
    'ROOM_ACCESS',
    z.enum(['open', 'members'], 'must be open or members').nullable().prefault(null),
    'members with CHAT_ROOM_SERVICE_URL, else open', '', 'open, members', 'Security',
    'Who may enter rooms; must be said in production without CHAT_ROOM_SERVICE_URL',
  ),
  authTimeoutMs: integer('AUTH_TIMEOUT_MS', 10_000, 100, 600_000, 'ms', 'Security', 'A socket that has not authenticated by then is closed'),

  workerThreads: integer('WORKER_THREADS', defaultWorkers, 1, 128, 'threads', 'Runtime', 'Worker threads for room actors; the default is the number of cores less one, at most 8'),
  shardsPerWorker: integer('SHARDS_PER_WORKER', 2, 1, 32, 'shards', 'Runtime', 'Ordering lanes per worker, each with its own database connection'),
  partitions: integer('PARTITIONS', 64, 1, 4096, 'partitions', 'Runtime', 'Units of ownership; the same on every node of a database'),
  mailboxCapacity: integer('MAILBOX_CAPACITY', 4096, 16, 1_000_000, 'commands', 'Runtime', 'High mark of a shard’s mailbox: over it commands are refused as OVERLOADED'),
  mailboxLowMark: integer('MAILBOX_LOW_MARK', 3072, 1, 1_000_000, 'commands', 'Runtime', 'Once refused, commands are accepted again below this'),
  frameMaxCommands: integer('FRAME_MAX_COMMANDS', 512, 1, 10_000, 'commands', 'Runtime', 'Most commands in one frame'),
  frameMaxBytes: integer('FRAME_MAX_BYTES', 1_048_576, 65_536, 67_108_864, 'bytes', 'Runtime', 'Most content in one frame, unless a single command is larger'),
  frameDeadlineMs: integer('FRAME_DEADLINE_MS', 5_000, 100, 60_000, 'ms', 'Runtime', 'A transaction that takes longer is abandoned and its outcome looked up'),
  replyDeadlineMs: integer('REPLY_DEADLINE_MS', 10_000, 100, 120_000, 'ms', 'Runtime', 'A command without an outcome by then is answered UNAVAILABLE'),
  roomIdleTtlMs: integer('ROOM_IDLE_TTL_MS', 300_000, 10, 86_400_000, 'ms', 'Runtime', 'An empty room unused for this long leaves memory'),
  roomRecentMessages: integer('ROOM_RECENT_MESSAGES', 50, 1, 1000, 'messages', 'Runtime', 'Newest messages kept in memory per room and sent with room_joined'),
  roomRecentBytes: integer('ROOM_RECENT_BYTES', 131_072, 4096, 16_777_216, 'bytes', 'Runtime', 'Most bytes of them per room'),
  maxResidentRooms: integer('MAX_RESIDENT_ROOMS', 100_000, 16, 10_000_000, 'rooms', 'Runtime', 'Rooms in memory over all workers; over it the least recently used go'),
  workerMaxHeapMb: integer('WORKER_MAX_HEAP_MB', 1024, 64, 65_536, 'MB', 'Runtime', 'Heap of one worker thread; a worker over it is replaced'),
  workerStuckMs: integer('WORKER_STUCK_MS', 2_000, 100, 60_000, 'ms', 'Runtime', 'A worker whose event loop is silent for this long is replaced'),
  workerRestarts: integer('WORKER_RESTARTS', 10, 0, 1000, 'restarts', 'Runtime', 'More worker restarts than this within a minute end the process'),
  catchUpMessages: integer('CATCH_UP_MESSAGES', 500, 1, 10_000, 'messages', 'Runtime', 'Most changed messages that a join with since brings; more answer resync_required'),

  typingTtlMs: integer('TYPING_TTL_MS', 5_000, 50, 600_000, 'ms', 'Limits', 'Typing ends this long after the last typing event'),
  contentMaxLength: integer('CONTENT_MAX_LENGTH', 4_000, 1, 1_000_000, 'characters', 'Limits', 'Longest message'),
  idMaxLength: integer('ID_MAX_LENGTH', 255, 36, 1024, 'characters', 'Limits', 'Longest id of a user, room or client message'),
  metadataMaxBytes: integer('METADATA_MAX_BYTES', 4_096, 2, 1_048_576, 'bytes', 'Limits', 'Largest metadata as JSON'),
  metadataMaxDepth: integer('METADATA_MAX_DEPTH', 8, 1, 64, 'levels', 'Limits', 'Deepest metadata'),
  bodyMaxBytes: integer('BODY_MAX_BYTES', 65_536, 1024, 16_777_216, 'bytes', 'Limits', 'Largest REST body and Socket.IO packet'),
  messageIdsMax: integer('MESSAGE_IDS_MAX', 1_000, 1, 10_000, 'ids', 'Limits', 'Most message ids in one receipt'),
  sendRate: integer('SEND_RATE', 20, 1, 1_000_000, 'sends/s', 'Limits', 'Messages a user may send, edit or delete per second'),
  sendBurst: integer('SEND_BURST', 40, 1, 1_000_000, 'sends', 'Limits', 'And at once'),
  eventRate: integer('EVENT_RATE', 100, 1, 1_000_000, 'requests/s', 'Limits', 'All other socket events and REST requests of a user per second'),
  eventBurst: integer('EVENT_BURST', 300, 1, 1_000_000, 'requests', 'Limits', 'And at once'),
  rateLimitEnabled: flag('RATE_LIMIT_ENABLED', true, 'Limits', 'false switches the rate limits off, for load tests'),
  socketsPerUser: integer('SOCKETS_PER_USER', 20, 1, 100_000, 'sockets', 'Limits', 'Sockets of one user'),
  roomsPerSocket: integer('ROOMS_PER_SOCKET', 500, 1, 100_000, 'rooms', 'Limits', 'Rooms one socket may be in at once'),
  maxSockets: integer('MAX_SOCKETS', 50_000, 1, 1_000_000, 'sockets', 'Limits', 'Sockets of this node'),
  socketBufferBytes: integer('SOCKET_BUFFER_BYTES', 1_048_576, 65_536, 268_435_456, 'bytes', 'Limits', 'Unsent bytes at which a slow socket is told resync_required and closed; from a quarter of it typing, presence and receipts are left out'),
  ackBacklog: integer('ACK_BACKLOG', 1_000, 1, 100_000, 'events', 'Limits', 'Unanswered events per socket; over it further ones are refused as OVERLOADED'),

  authServiceUrl: url('AUTH_SERVICE_URL', ['http', 'https'], 'Neighbours', 'Authentication Service, for display names'),
  chatRoomServiceUrl: url('CHAT_ROOM_SERVICE_URL', ['http', 'https'], 'Neighbours', 'Chat Room Service; with it rooms are members-only'),
  presenceServiceUrl: url('PRESENCE_SERVICE_URL', ['http', 'https'], 'Neighbours', 'User Presence Service, told of a user’s first and last socket'),
  neighbourTimeoutMs: integer('NEIGHBOUR_TIMEOUT_MS', 2_000, 10, 60_000, 'ms', 'Neighbours', 'Longest wait for a neighbour'),
  neighbourCacheTtlMs: integer('NEIGHBOUR_CACHE_TTL_MS', 30_000, 0, 86_400_000, 'ms', 'Neighbours', 'How long their answers are fresh'),
  neighbourStaleTtlMs: integer('NEIGHBOUR_STALE_TTL_MS', 600_000, 0, 86_400_000, 'ms', 'Neighbours', 'How long an old answer serves while a neighbour fails'),
  neighbourCacheSize: integer('NEIGHBOUR_CACHE_SIZE', 10_000, 16, 10_000_000, 'entries', 'Neighbours', 'Cached answers per neighbour'),
  presenceTtlMs: integer('PRESENCE_TTL_MS', 60_000, 100, 86_400_000, 'ms', 'Neighbours', 'A heartbeat keeps a user online this long'),

  redisHost: text('REDIS_HOST', 'Scale-out', 'Redis server; unset means one node'),
  redisPort: integer('REDIS_PORT', 6379, 1, 65535, 'TCP port', 'Scale-out', 'Its port'),
  rabbitmqUrl: url('RABBITMQ_URL', ['amqp', 'amqps'], 'Scale-out', 'RabbitMQ server; unset means no integration events'),
} as const;

type Values = { -readonly [K in keyof typeof rows]: (typeof rows)[K] extends Row<infer T> ? T : never };

/** All settings, checked and frozen. `roomAccess` and `jwtSecret` are settled; texts without a value are null. */
export type Config = Readonly<Omit<Values, 'roomAccess' | 'jwtSecret'> & { roomAccess: 'open' | 'members'; jwtSecret: string }>;

/** One bad setting: the message is fit to be the last line of a failed start. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads and checks the settings.
 * @throws ConfigError naming the variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const values: Record<string, unknown> = {};
  for (const [key, { env: name, schema }] of Object.entries(rows)) {
    const given = env[name]?.trim();
    const result = (schema as z.ZodType).safeParse(given === '' ? undefined : given);
    if (!result.success) throw new ConfigError(`${name}: ${result.error.issues[0]?.message ?? 'is not valid'}`);
    values[key] = result.data;
  }
  return Object.freeze(settle(values as Values));
}

function settle(values: Values): Config {
  const production = values.nodeEnv === 'production';
  if (values.mailboxLowMark >= values.mailboxCapacity)
    throw new ConfigError('MAILBOX_LOW_MARK: must be below MAILBOX_CAPACITY');
  if (values.workerThreads * values.shardsPerWorker > values.partitions)
    throw new ConfigError('PARTITIONS: must be at least WORKER_THREADS x SHARDS_PER_WORKER');
  const jwtSecret = values.jwtSecret ?? (production ? '' : developmentSecret);
  if (production && values.jwtPublicKey === null && (jwtSecret === developmentSecret || jwtSecret.length < 32))
    throw new ConfigError('JWT_SECRET: in production a secret of at least 32 characters, other than the development one, is needed');
  if (values.roomAccess === 'members' && values.chatRoomServiceUrl === null)
    throw new ConfigError('ROOM_ACCESS: members needs CHAT_ROOM_SERVICE_URL');
  if (production && values.roomAccess === null && values.chatRoomServiceUrl === null)
    throw new ConfigError('ROOM_ACCESS: in production without CHAT_ROOM_SERVICE_URL it must be said (open lets every user into every room)');
  const roomAccess = values.roomAccess ?? (values.chatRoomServiceUrl === null ? 'open' : 'members');
  return { ...values, jwtSecret, roomAccess };
}
