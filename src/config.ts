/**
 * The only reader of the environment. Each setting is one row: name, default, unit, range, meaning. The README's table and
 * `.env.example` are generated from these rows. A bad value ends the start with one line that names the variable.
 */
import { createPublicKey } from 'node:crypto';
import { availableParallelism } from 'node:os';

/** The development secret of the original services, so that their tokens work here without any setting. */
export const developmentSecret = 'your_jwt_secret_for_development_only';

export interface Row<T> {
  readonly env: string;
  /** The value of a set variable (trimmed, not empty); throws a RangeError that says what it must be. */
  readonly read: (given: string) => T;
  readonly byDefault: T;
  /** The default in words, where the value alone would not tell; empty when there is none. */
  readonly shown: string;
  readonly unit: string;
  readonly range: string;
  readonly doc: string;
}

function integer(env: string, byDefault: number, min: number, max: number, unit: string, doc: string): Row<number> {
  const read = (given: string): number => {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : NaN;
    if (value >= min && value <= max) return value;
    throw new RangeError(`must be a whole number from ${min} to ${max}`);
  };
  return { env, read, byDefault, shown: String(byDefault), unit, range: `${min}..${max}`, doc };
}

function text(env: string, byDefault: string, doc: string): Row<string> {
  return { env, read: (given) => given, byDefault, shown: byDefault, unit: '', range: '', doc };
}

function optional(env: string, doc: string, read: (given: string) => string = (given) => given): Row<string | null> {
  return { env, read, byDefault: null, shown: '', unit: '', range: '', doc };
}

function url(env: string, protocols: readonly string[], doc: string): Row<string | null> {
  const range = protocols.map((protocol) => `${protocol}://`).join(' or ');
  const read = (given: string): string => {
    if (URL.canParse(given) && protocols.includes(new URL(given).protocol.slice(0, -1))) return given;
    throw new RangeError(`must be a URL starting with ${range}`);
  };
  return { ...optional(env, doc, read), range };
}

function choice<const T extends string>(env: string, values: readonly T[], byDefault: T, doc: string): Row<T> {
  const range = values.join(', ');
  const read = (given: string): T => {
    const value = values.find((one) => one === given);
    if (value !== undefined) return value;
    throw new RangeError(`must be one of ${range}`);
  };
  return { env, read, byDefault, shown: byDefault, unit: '', range, doc };
}

function flag(env: string, byDefault: boolean, doc: string): Row<boolean> {
  const row = choice(env, ['true', 'false', '1', '0'], byDefault ? 'true' : 'false', doc);
  return { ...row, read: (given) => ['true', '1'].includes(row.read(given)), byDefault };
}

function path(given: string): string {
  if (/^(\/|(\/[\w.~-]+)+)$/.test(given)) return given;
  throw new RangeError('must be / or a path like /messages');
}

function origins(given: string): string {
  const valid =
    given === '*' || given.split(',').every((one) => URL.canParse(one.trim()) && new URL(one).origin === one.trim());
  if (valid) return given;
  throw new RangeError('must be * or origins like https://chat.example.org, separated by commas');
}

/** In bits; no token signed by a shorter key is accepted. */
const shortestKey = 2048;

function publicKey(given: string): string {
  // Environment files cannot hold line breaks everywhere: \n is taken for one.
  const pem = given.replaceAll('\\n', '\n');
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(pem);
    if (type === 'rsa' && (details?.modulusLength ?? 0) >= shortestKey) return pem;
  } catch {
    // Told below.
  }
  throw new RangeError(`must be an RSA public key in PEM of at least ${shortestKey} bits`);
}

const workers = {
  ...integer(
    'WORKER_THREADS',
    Math.max(1, Math.min(8, availableParallelism() - 1)),
    1,
    128,
    'threads',
    'Worker threads for room actors',
  ),
  shown: 'cores less one, 1 to 8',
};

// One setting per line: a table is read by its columns.
/* prettier-ignore */
const service = {
  nodeEnv: choice('NODE_ENV', ['development', 'production', 'test'], 'development', 'In production weak secrets and an unsaid ROOM_ACCESS are refused'),
  port: integer('PORT', 3000, 0, 65535, 'TCP port', 'Port of REST and Socket.IO; 0 takes a free one'),
  host: text('HOST', '0.0.0.0', 'Address to listen on'),
  httpBasePath: { ...text('HTTP_BASE_PATH', '/messages', 'Prefix of the message routes; / behind a gateway that strips it'), read: path, range: 'path' },
  corsOrigins: { ...text('CORS_ORIGINS', '*', 'Origins allowed to call from browsers, comma-separated; * allows all'), read: origins, range: 'origins' },
  logLevel: choice('LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', 'Least severe level that is logged'),
  logFormat: choice('LOG_FORMAT', ['auto', 'json', 'pretty'], 'auto', 'auto is pretty for development on a terminal and JSON everywhere else'),
  shutdownGraceMs: integer('SHUTDOWN_GRACE_MS', 10_000, 100, 600_000, 'ms', 'A drain that takes longer ends the process with exit code 1'),
};

/* prettier-ignore */
const database = {
  dbHost: optional('DB_HOST', 'PostgreSQL server, or the folder of its unix socket; unset starts the embedded one'),
  dbPort: integer('DB_PORT', 5432, 1, 65535, 'TCP port', 'Its port'),
  dbName: text('DB_NAME', 'dinguscord_messages', 'Database name'),
  dbUser: text('DB_USER', 'postgres', 'User name'),
  dbPassword: optional('DB_PASSWORD', 'Password'),
  dbPoolSize: integer('DB_POOL_SIZE', 8, 1, 200, 'connections', 'Connections for reads; each shard has one more of its own for writes'),
  dataDir: text('DATA_DIR', 'data', 'Where the embedded database keeps its data'),
};

/* prettier-ignore */
const security = {
  jwtSecret: { ...optional('JWT_SECRET', 'Secret of HS256 tokens; in production at least 32 random characters and not the development one'), shown: `${developmentSecret}, none in production` },
  jwtPublicKey: { ...optional('JWT_PUBLIC_KEY', 'RSA public key; when set, tokens must be RS256 and JWT_SECRET is not used', publicKey), range: 'PEM, \\n for line breaks' },
  roomAccess: { ...choice('ROOM_ACCESS', ['open', 'members'], 'open', 'Who may enter rooms; must be said in production without CHAT_ROOM_SERVICE_URL'), byDefault: null, shown: 'members with CHAT_ROOM_SERVICE_URL, else open' },
  authTimeoutMs: integer('AUTH_TIMEOUT_MS', 10_000, 100, 600_000, 'ms', 'A socket that has not authenticated by then is closed'),
};

/* prettier-ignore */
const runtime = {
  workerThreads: workers,
  shardsPerWorker: integer('SHARDS_PER_WORKER', 2, 1, 32, 'shards', 'Ordering lanes per worker, each with its own database connection'),
  partitions: integer('PARTITIONS', 64, 1, 4096, 'partitions', 'Units of ownership; at least WORKER_THREADS x SHARDS_PER_WORKER, and the same for a database’s whole life'),
  mailboxCapacity: integer('MAILBOX_CAPACITY', 4096, 16, 1_000_000, 'commands', 'High mark of a shard’s mailbox: over it commands are refused as OVERLOADED'),
  mailboxLowMark: integer('MAILBOX_LOW_MARK', 3072, 1, 1_000_000, 'commands', 'Once refused, commands are accepted again below this; less than MAILBOX_CAPACITY'),
  frameMaxCommands: integer('FRAME_MAX_COMMANDS', 512, 1, 10_000, 'commands', 'Most commands in one frame'),
  frameMaxBytes: integer('FRAME_MAX_BYTES', 1_048_576, 65_536, 67_108_864, 'bytes', 'Most content in one frame, unless a single command is larger'),
  frameDeadlineMs: integer('FRAME_DEADLINE_MS', 5_000, 100, 60_000, 'ms', 'A transaction that takes longer is abandoned and its outcome looked up'),
  replyDeadlineMs: integer('REPLY_DEADLINE_MS', 10_000, 100, 120_000, 'ms', 'A command without an outcome by then is answered UNAVAILABLE'),
  roomIdleTtlMs: integer('ROOM_IDLE_TTL_MS', 300_000, 10, 86_400_000, 'ms', 'An empty room unused for this long leaves memory'),
  roomRecentMessages: integer('ROOM_RECENT_MESSAGES', 50, 1, 1000, 'messages', 'Newest messages kept in memory per room and sent with room_joined'),
  roomRecentBytes: integer('ROOM_RECENT_BYTES', 131_072, 4096, 16_777_216, 'bytes', 'Most bytes of them per room'),
  maxResidentRooms: integer('MAX_RESIDENT_ROOMS', 100_000, 16, 10_000_000, 'rooms', 'Rooms in memory, an equal share per shard; over it the empty ones that were least recently used go. Rooms with sockets in them stay: while a shard has its share of these, a join into a further room is refused as OVERLOADED'),
  workerMaxHeapMb: integer('WORKER_MAX_HEAP_MB', 1024, 64, 65_536, 'MB', 'Heap of one worker thread; a worker over it is replaced'),
  workerStuckMs: integer('WORKER_STUCK_MS', 2_000, 100, 60_000, 'ms', 'A worker whose event loop is silent for this long is replaced'),
  workerRestarts: integer('WORKER_RESTARTS', 10, 0, 1000, 'restarts', 'More worker restarts than this within a minute end the process'),
  catchUpMessages: integer('CATCH_UP_MESSAGES', 500, 1, 10_000, 'messages', 'Most changed messages that a join with since brings; more answer resync_required'),
  catchUpStreams: integer('CATCH_UP_STREAMS', 4, 1, 200, 'streams', 'Catch-ups by GET …/changes at once, each with a database connection while it runs; over it further ones are refused as OVERLOADED'),
  catchUpStreamMs: integer('CATCH_UP_STREAM_MS', 300_000, 1_000, 3_600_000, 'ms', 'Such a catch-up ends after this long, however far it is; while it runs the database cannot vacuum what was deleted since its start'),
  catchUpIdleMs: integer('CATCH_UP_IDLE_MS', 15_000, 100, 600_000, 'ms', 'It is cut when its client reads nothing for this long'),
};

/* prettier-ignore */
const limits = {
  typingTtlMs: integer('TYPING_TTL_MS', 5_000, 50, 600_000, 'ms', 'Typing ends this long after the last typing event'),
  contentMaxLength: integer('CONTENT_MAX_LENGTH', 4_000, 1, 1_000_000, 'characters', 'Longest message'),
  idMaxLength: integer('ID_MAX_LENGTH', 255, 36, 255, 'characters', 'Longest id of a user, room or client message'),
  metadataMaxBytes: integer('METADATA_MAX_BYTES', 4_096, 2, 1_048_576, 'bytes', 'Largest metadata as JSON'),
  metadataMaxDepth: integer('METADATA_MAX_DEPTH', 8, 1, 64, 'levels', 'Deepest metadata'),
  bodyMaxBytes: integer('BODY_MAX_BYTES', 65_536, 1024, 16_777_216, 'bytes', 'Largest REST body and Socket.IO packet'),
  messageIdsMax: integer('MESSAGE_IDS_MAX', 1_000, 1, 10_000, 'ids', 'Most message ids in one receipt'),
  sendRate: integer('SEND_RATE', 20, 1, 1_000_000, 'sends/s', 'Messages a user may send, edit or delete per second on one node, in the long run'),
  sendBurst: integer('SEND_BURST', 40, 1, 1_000_000, 'sends', 'Messages a user may send, edit or delete at once'),
  eventRate: integer('EVENT_RATE', 100, 1, 1_000_000, 'requests/s', 'All other socket events and REST requests of a user per second on one node, in the long run'),
  eventBurst: integer('EVENT_BURST', 300, 1, 1_000_000, 'requests', 'All other socket events and REST requests of a user at once'),
  rateLimitEnabled: flag('RATE_LIMIT_ENABLED', true, 'false switches the rate limits off, for load tests'),
  socketsPerUser: integer('SOCKETS_PER_USER', 20, 1, 100_000, 'sockets', 'Sockets of one user on one node'),
  roomsPerSocket: integer('ROOMS_PER_SOCKET', 500, 1, 100_000, 'rooms', 'Rooms one socket may be in at once'),
  maxSockets: integer('MAX_SOCKETS', 50_000, 1, 1_000_000, 'sockets', 'Sockets of this node'),
  handshakesMax: integer('HANDSHAKES_MAX', 1_000, 1, 1_000_000, 'connections', 'Connections at once that are open but not yet admitted; over it new ones are refused for a second, so that a storm of reconnects is served in turn'),
  joinsMax: integer('JOINS_MAX', 4_000, 1, 1_000_000, 'joins', 'Joins at once that await their room; over it further ones are refused as OVERLOADED'),
  socketBufferBytes: integer('SOCKET_BUFFER_BYTES', 1_048_576, 65_536, 268_435_456, 'bytes', 'Unsent bytes at which a slow socket is told resync_required and closed; from a quarter of it typing and presence are left out, from a half receipts too'),
  ackBacklog: integer('ACK_BACKLOG', 1_000, 1, 100_000, 'events', 'Unanswered events per socket; over it further ones are refused as OVERLOADED'),
};

/* prettier-ignore */
const neighbours = {
  authServiceUrl: url('AUTH_SERVICE_URL', ['http', 'https'], 'Authentication Service, for display names'),
  chatRoomServiceUrl: url('CHAT_ROOM_SERVICE_URL', ['http', 'https'], 'Chat Room Service; with it rooms are members-only'),
  presenceServiceUrl: url('PRESENCE_SERVICE_URL', ['http', 'https'], 'User Presence Service, told of a user’s first and last socket'),
  neighbourTimeoutMs: integer('NEIGHBOUR_TIMEOUT_MS', 2_000, 10, 60_000, 'ms', 'Longest wait for a neighbour'),
  neighbourCacheTtlMs: integer('NEIGHBOUR_CACHE_TTL_MS', 30_000, 0, 86_400_000, 'ms', 'How long their answers are fresh; also how often the members of rooms in use are asked for, so that a removed one is taken out'),
  neighbourStaleTtlMs: integer('NEIGHBOUR_STALE_TTL_MS', 600_000, 0, 86_400_000, 'ms', 'How long an old answer serves while a neighbour fails'),
  neighbourCacheSize: integer('NEIGHBOUR_CACHE_SIZE', 10_000, 16, 10_000_000, 'entries', 'Cached answers per neighbour'),
  presenceTtlMs: integer('PRESENCE_TTL_MS', 60_000, 100, 86_400_000, 'ms', 'A heartbeat keeps a user online this long'),
};

/* prettier-ignore */
const scaleOut = {
  redisHost: optional('REDIS_HOST', 'Redis server; with it several nodes on one database share the rooms, without it this is the only node'),
  redisPort: integer('REDIS_PORT', 6379, 1, 65535, 'TCP port', 'Its port'),
  redisPassword: optional('REDIS_PASSWORD', 'Its password'),
  redisPrefix: text('REDIS_PREFIX', 'dinguscord', 'Begins every key and channel in Redis; the same on all nodes of a deployment'),
  roomCacheTtlMs: integer('ROOM_CACHE_TTL_MS', 3_600_000, 0, 86_400_000, 'ms', 'How long Redis keeps the recent messages of a room that is not in memory; 0 keeps none'),
  clusterPollMs: integer('CLUSTER_POLL_MS', 500, 20, 10_000, 'ms', 'How often a node shows that it lives, and looks who else does and who holds what'),
  nodeStaleMs: integer('NODE_STALE_MS', 3_000, 100, 600_000, 'ms', 'A node without a sign of life for this long is taken for dead; several times CLUSTER_POLL_MS'),
  takeOverStepMs: integer('TAKE_OVER_STEP_MS', 500, 10, 60_000, 'ms', 'How long the next node in rank waits before it takes a partition that nobody holds'),
  handoverStableMs: integer('HANDOVER_STABLE_MS', 2_000, 10, 600_000, 'ms', 'Partitions that another node should hold are handed over once the nodes have been the same for this long'),
  rabbitmqUrl: url('RABBITMQ_URL', ['amqp', 'amqps'], 'RabbitMQ server; with it every change is also sent as an integration event, and commands of other services are taken'),
  rabbitmqExchange: text('RABBITMQ_EXCHANGE', 'message.events', 'Topic exchange of the events and of the commands'),
  rabbitmqQueue: text('RABBITMQ_QUEUE', 'message.broadcast', 'Queue of the commands message.broadcast.#; what cannot be understood goes to the exchange and queue of this name with .dead behind it'),
  rabbitmqPrefetch: integer('RABBITMQ_PREFETCH', 32, 1, 1000, 'messages', 'Commands of other services at work at once'),
};

/** Every setting by the heading under which the README lists it. */
export const groups = {
  Service: service,
  Database: database,
  Security: security,
  Runtime: runtime,
  Limits: limits,
  Neighbours: neighbours,
  'Scale-out': scaleOut,
} as const;

/** Every setting of the service. */
export const rows = { ...service, ...database, ...security, ...runtime, ...limits, ...neighbours, ...scaleOut };

type Values = { -readonly [K in keyof typeof rows]: (typeof rows)[K] extends Row<infer T> ? T : never };

/** All settings, checked and frozen. `roomAccess` and `jwtSecret` are settled; texts without a value are null. */
export type Config = Readonly<
  Omit<Values, 'roomAccess' | 'jwtSecret'> & { roomAccess: 'open' | 'members'; jwtSecret: string }
>;

/** One bad setting: the message is fit to be the last line of a failed start. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads and checks the settings. The text of a refusal names the variable and never repeats its value, which may be secret.
 * @throws ConfigError naming the variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const values: Record<string, unknown> = {};
  for (const [key, row] of Object.entries(rows)) {
    const given = env[row.env]?.trim() ?? '';
    try {
      values[key] = given === '' ? row.byDefault : row.read(given);
    } catch (cause) {
      throw new ConfigError(`${row.env}: ${cause instanceof Error ? cause.message : 'is not valid'}`, { cause });
    }
  }
  return Object.freeze(settle(values as Values));
}

/** Fewer different characters than this in a secret are a pattern; 32 random hexadecimal digits have about 14. */
const fewestCharacters = 8;

/** Short or simple enough to be tried out, or known to everyone. */
function weak(secret: string): boolean {
  return secret === developmentSecret || secret.length < 32 || new Set(secret).size < fewestCharacters;
}

/** The rules that concern several settings at once. */
function settle(values: Values): Config {
  const production = values.nodeEnv === 'production';
  if (values.mailboxLowMark >= values.mailboxCapacity)
    throw new ConfigError('MAILBOX_LOW_MARK: must be below MAILBOX_CAPACITY');
  if (values.workerThreads * values.shardsPerWorker > values.partitions)
    throw new ConfigError('PARTITIONS: must be at least WORKER_THREADS x SHARDS_PER_WORKER');
  const jwtSecret = values.jwtSecret ?? (production ? '' : developmentSecret);
  if (production && values.jwtPublicKey === null && weak(jwtSecret))
    throw new ConfigError(
      'JWT_SECRET: in production a secret of at least 32 characters, random and not the development one, is needed',
    );
  if (values.roomAccess === 'members' && values.chatRoomServiceUrl === null)
    throw new ConfigError('ROOM_ACCESS: members needs CHAT_ROOM_SERVICE_URL');
  if (production && values.roomAccess === null && values.chatRoomServiceUrl === null)
    throw new ConfigError(
      'ROOM_ACCESS: in production without CHAT_ROOM_SERVICE_URL it must be said (open lets every user into every room)',
    );
  const roomAccess = values.roomAccess ?? (values.chatRoomServiceUrl === null ? 'open' : 'members');
  return { ...values, jwtSecret, roomAccess };
}
