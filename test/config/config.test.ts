import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { ConfigError, developmentSecret, groups, readConfig, rows, type Row } from '../../src/config.js';

const production = {
  NODE_ENV: 'production',
  JWT_SECRET: 'a fairly random test secret, 0123456789',
  ROOM_ACCESS: 'open',
};

/** The text of the refusal, which has to be one line. */
function refusal(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

const all: readonly Row<unknown>[] = Object.values(rows);

test('an empty environment gives a working development configuration', (t) => {
  const config = readConfig({});
  t.is(config.nodeEnv, 'development');
  t.is(config.port, 3000);
  t.is(config.httpBasePath, '/messages');
  t.is(config.jwtSecret, developmentSecret);
  t.is(config.roomAccess, 'open');
  t.is(config.dbHost, null);
  t.is(config.redisHost, null);
  t.is(config.typingTtlMs, 5000);
  t.is(config.sendRate, 20);
  t.is(config.sendBurst, 40);
  t.is(config.contentMaxLength, 4000);
  t.is(config.partitions, 64);
  t.true(config.workerThreads >= 1);
  t.true(Object.isFrozen(config));
});

test('empty and blank variables count as unset', (t) => {
  t.deepEqual(readConfig({ PORT: '', DB_HOST: '  ', LOG_LEVEL: '' }), readConfig({}));
});

test('values are trimmed and converted', (t) => {
  const config = readConfig({
    PORT: ' 8080 ',
    RATE_LIMIT_ENABLED: 'false',
    DB_HOST: '/run/postgresql',
    LOG_LEVEL: 'debug',
  });
  t.is(config.port, 8080);
  t.false(config.rateLimitEnabled);
  t.is(config.dbHost, '/run/postgresql');
  t.is(config.logLevel, 'debug');
  t.false(readConfig({ RATE_LIMIT_ENABLED: '0' }).rateLimitEnabled);
  t.true(readConfig({ RATE_LIMIT_ENABLED: '1' }).rateLimitEnabled);
});

test('no two settings read the same variable, and each is documented', (t) => {
  t.is(new Set(all.map((row) => row.env)).size, all.length);
  for (const row of all) {
    t.regex(row.env, /^[A-Z][A-Z0-9_]+$/);
    t.true(row.doc.length > 5, row.env);
  }
  const grouped = Object.values(groups).flatMap((group) => Object.keys(group));
  t.deepEqual(grouped.toSorted(), Object.keys(rows).toSorted());
});

test('every default lies within its own range', (t) => {
  for (const row of all)
    if (typeof row.byDefault === 'number') t.is(row.read(String(row.byDefault)), row.byDefault, row.env);
});

for (const row of all) {
  const numeric = /^(\d+)\.\.(\d+)$/.exec(row.range);
  if (numeric !== null) {
    test(`${row.env} refuses everything but whole numbers within ${row.range}, naming itself`, (t) => {
      const [, min, max] = numeric.map(Number) as [number, number, number];
      const bad = [String(max + 1), '-1', '1.5', '1e3', '0x10', 'many', '٣', 'NaN', 'Infinity', '9'.repeat(40)];
      if (min > 0) bad.push(String(min - 1));
      for (const value of bad)
        t.is(refusal({ [row.env]: value }), `${row.env}: must be a whole number from ${min} to ${max}`, value);
    });
  }
}

const bad: readonly [variable: string, value: string, message: RegExp][] = [
  ['NODE_ENV', 'prod', /must be one of development, production, test$/],
  ['LOG_LEVEL', 'loud', /must be one of fatal, /],
  ['LOG_FORMAT', 'xml', /must be one of auto, json, pretty$/],
  ['ROOM_ACCESS', 'everyone', /must be one of open, members$/],
  ['RATE_LIMIT_ENABLED', 'no', /must be one of true, false/],
  ['HTTP_BASE_PATH', 'messages', /must be \/ or a path/],
  ['HTTP_BASE_PATH', '/messages/', /must be \/ or a path/],
  ['HTTP_BASE_PATH', '/:id', /must be \/ or a path/],
  ['CORS_ORIGINS', 'chat.example.org', /must be \* or origins/],
  ['CORS_ORIGINS', 'https://chat.example.org/', /must be \* or origins/],
  ['CORS_ORIGINS', 'https://a.example,', /must be \* or origins/],
  ['JWT_PUBLIC_KEY', 'hunter2', /must be an RSA public key in PEM of at least 2048 bits$/],
  ['AUTH_SERVICE_URL', 'auth:3000', /must be a URL starting with http/],
  ['CHAT_ROOM_SERVICE_URL', 'rooms', /must be a URL starting with http/],
  ['PRESENCE_SERVICE_URL', 'ftp://x', /must be a URL starting with http/],
  ['RABBITMQ_URL', 'http://x', /must be a URL starting with amqp/],
];

for (const [variable, value, message] of bad)
  test(`${variable}=${value} is refused in one line that names the variable`, (t) => {
    const text = refusal({ [variable]: value });
    t.true(text.startsWith(`${variable}: `), text);
    t.regex(text, message);
    t.false(text.includes('\n'));
  });

test('a refusal does not repeat what was given, which may be a secret', (t) => {
  t.false(refusal({ JWT_PUBLIC_KEY: 'hunter2' }).includes('hunter2'));
  t.false(refusal({ RABBITMQ_URL: 'http://user:hunter2@host' }).includes('hunter2'));
  t.false(refusal({ NODE_ENV: 'production', JWT_SECRET: 'hunter2' }).includes('hunter2'));
});

test('the low mark of a mailbox must lie below its capacity', (t) => {
  t.regex(refusal({ MAILBOX_CAPACITY: '100', MAILBOX_LOW_MARK: '100' }), /^MAILBOX_LOW_MARK: /);
  t.is(readConfig({ MAILBOX_CAPACITY: '100', MAILBOX_LOW_MARK: '99' }).mailboxLowMark, 99);
});

test('every shard needs a partition', (t) => {
  const threads = { WORKER_THREADS: '4', SHARDS_PER_WORKER: '4' };
  t.regex(refusal({ ...threads, PARTITIONS: '15' }), /^PARTITIONS: /);
  t.is(readConfig({ ...threads, PARTITIONS: '16' }).partitions, 16);
});

test('production starts with a strong secret and a said ROOM_ACCESS', (t) => {
  const config = readConfig(production);
  t.is(config.jwtSecret, production.JWT_SECRET);
  t.is(config.roomAccess, 'open');
});

for (const [name, secret] of [
  ['a missing', ''],
  ['the development', developmentSecret],
  ['a short', 'aB3$-short'],
  ['a long but monotonous', 'ab'.repeat(32)],
] as const)
  test(`production refuses ${name} JWT_SECRET`, (t) => {
    t.regex(refusal({ ...production, JWT_SECRET: secret }), /^JWT_SECRET: in production/);
  });

/** A public key of so many bits, as a line of an environment file holds it. */
function publicKeyOf(bits: number): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return publicKey.export({ type: 'spki', format: 'pem' }).toString().trim().replaceAll('\n', '\\n');
}

test('production with a public key needs no secret', (t) => {
  const key = publicKeyOf(2048);
  const config = readConfig({ ...production, JWT_SECRET: '', JWT_PUBLIC_KEY: key });
  t.is(config.jwtPublicKey, key.replaceAll('\\n', '\n'));
});

test('a public key so short that no token of it would be accepted is refused', (t) => {
  t.is(
    refusal({ JWT_PUBLIC_KEY: publicKeyOf(1024) }),
    'JWT_PUBLIC_KEY: must be an RSA public key in PEM of at least 2048 bits',
  );
});

test('production must be told that rooms are open', (t) => {
  t.regex(refusal({ ...production, ROOM_ACCESS: '' }), /^ROOM_ACCESS: in production/);
});

test('with a Chat Room Service rooms are members-only unless said otherwise', (t) => {
  const neighbour = { CHAT_ROOM_SERVICE_URL: 'http://rooms:3000' };
  t.is(readConfig(neighbour).roomAccess, 'members');
  t.is(readConfig({ ...production, ROOM_ACCESS: '', ...neighbour }).roomAccess, 'members');
  t.is(readConfig({ ...neighbour, ROOM_ACCESS: 'open' }).roomAccess, 'open');
});

test('members-only rooms need somebody who knows the members', (t) => {
  t.regex(refusal({ ROOM_ACCESS: 'members' }), /^ROOM_ACCESS: members needs CHAT_ROOM_SERVICE_URL$/);
});
