/** What operators see: health, readiness, metrics, the base path, and refused starts. */
import test from 'ava';
import { freshDatabase } from '../harness/database.js';
import { RestClient } from '../harness/rest.js';
import { runToEnd, type Env } from '../harness/service.js';
import { ownStage, stageFor, unique } from '../harness/stage.js';

const stage = stageFor(test);

test('GET /health tells UP with its checks, without a token', async (t) => {
  const answer = await stage.rest('', null).get('/health');
  t.is(answer.status, 200);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  t.like(body, { status: 'UP', service: 'message-handling-service' });
  t.is(typeof body['checks'], 'object');
  t.false(Number.isNaN(Date.parse(String(body['timestamp']))));
});

test('GET /live and /ready are 200 while the service serves', async (t) => {
  for (const path of ['/live', '/ready']) t.is((await stage.rest('', null).get(path)).status, 200, path);
});

test('GET /metrics counts acks and refusals in the Prometheus text format', async (t) => {
  const client = await stage.client('met');
  await client.send(unique('room'), 'x');
  await client.ask('send_message', {});
  const answer = await stage.rest('', null).get('/metrics');
  t.is(answer.status, 200);
  t.regex(answer.headers.get('content-type') ?? '', /^text\/plain/);
  t.regex(answer.text, /^dinguscord_messages_\w*acks_total(\{[^}]*\})? [1-9]/m);
  t.regex(answer.text, /^dinguscord_messages_\w*refusals_total\{[^}]*code="VALIDATION"[^}]*\} [1-9]/m);
  for (const name of [
    'frame_commands',
    'frame_commit_seconds',
    'mailbox_depth',
    'resident_rooms',
    'sockets',
    'event_loop_delay',
  ])
    t.true(answer.text.includes(`dinguscord_messages_${name}`), name);
});

test('HTTP_BASE_PATH=/ moves the message routes and leaves the others where they are', async (t) => {
  const own = await ownStage(t, { HTTP_BASE_PATH: '/' });
  const rest = new RestClient(own.url, 'ann');
  const room = unique('room');
  const sent = await rest.post('/', { room_id: room, content: 'x' });
  t.is(sent.status, 201);
  t.is((await rest.get<unknown[]>(`/room/${room}`)).body.data?.length, 1);
  t.is((await new RestClient(own.url, 'bob').get<{ count: number }>(`/unread/${room}`)).body.data?.count, 1);
  t.is((await new RestClient(own.url, 'bob').put('/read', { messageIds: [sent.body.data?.id] })).status, 200);
  t.is((await rest.delete(`/${sent.body.data?.id ?? ''}`)).status, 200);
  for (const path of ['/health', '/live', '/ready', '/metrics']) t.is((await rest.get(path)).status, 200, path);
  t.is((await rest.get(`/messages/room/${room}`)).status, 404);
});

const refused: readonly (readonly [name: string, env: Env])[] = [
  ['PORT', { PORT: 'abc' }],
  ['WORKER_THREADS', { WORKER_THREADS: '0' }],
  ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
  ['MAILBOX_LOW_MARK', { MAILBOX_CAPACITY: '100', MAILBOX_LOW_MARK: '100' }],
  ['JWT_SECRET', { NODE_ENV: 'production', ROOM_ACCESS: 'open' }],
  ['JWT_SECRET', { NODE_ENV: 'production', ROOM_ACCESS: 'open', JWT_SECRET: 'short' }],
  ['ROOM_ACCESS', { NODE_ENV: 'production', JWT_SECRET: 'b8Zr2kQ0vT6nXw4LhYp9sDfG1mJc7aE3uRiO5tKx' }],
  ['ROOM_ACCESS', { ROOM_ACCESS: 'members' }],
  ['HTTP_BASE_PATH', { HTTP_BASE_PATH: 'messages' }],
];
for (const [name, env] of refused)
  test(`a start with ${JSON.stringify(env)} ends at once with one line that names ${name}`, async (t) => {
    const { code, output } = await runToEnd({ ...stage.databaseEnv, ...env });
    t.not(code, 0);
    const lines = output.text.split('\n').filter((line) => line.trim() !== '');
    t.is(lines.length, 1, output.text);
    t.true(lines[0]?.includes(name), output.text);
    t.false(output.text.includes('    at '), 'no stack');
  });

test('a port in use ends the start with one clear line', async (t) => {
  const database = await freshDatabase(t);
  const { code, output } = await runToEnd({ ...database.env, PORT: String(stage.service.port) });
  t.not(code, 0);
  t.regex(output.text, /EADDRINUSE|in use/);
});
