import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import { createMetrics } from '../../src/observe/metrics.js';
import { createWorkerMetrics } from '../../src/observe/worker-metrics.js';
import type { EdgeMetrics } from '../../src/ws/metrics.js';
import type { Snapshot } from '../../src/observe/registry.js';

/** What arrives at the other end of a port. */
function cross(snapshot: Snapshot): Snapshot {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(snapshot);
  const received = receiveMessageOnPort(port2) as { message: Snapshot };
  port1.close();
  return received.message;
}

/** `name{labels} value` lines as a record. */
function series(body: string): Record<string, number> {
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

/** As the Socket.IO edge would have counted. */
const edge: EdgeMetrics = {
  acks: 5,
  refusals: new Map(),
  sockets: 7,
  shedBroadcasts: 4,
  slowCloses: 3,
  refusedConnections: 2,
  gaps: 1,
};

test('counts of the main thread appear under the prefix', async (t) => {
  const metrics = createMetrics();
  t.teardown(() => metrics.close());
  metrics.workerRestarted();
  metrics.requested('POST', '/messages', 201, null);
  metrics.requested('GET', '/messages/room/:roomId', 200, null);
  metrics.requested('GET', '/messages/room/:roomId', 200, null);
  metrics.requested('POST', '/messages', 503, 'OVERLOADED');
  metrics.watch({
    edge: { ...edge, refusals: new Map([['OVERLOADED', 2]]) },
    reads: () => ({ pages: { memory: 4, store: 3, shared: 2 }, catchUps: 1 }),
    mailboxDepths: () => [5, 0],
  });
  const { contentType, body } = await metrics.render([]);
  t.regex(contentType, /^text\/plain; version=0\.0\.4/);
  const found = series(body);
  t.is(found['dinguscord_messages_message_acks_total'], 6);
  t.is(found['dinguscord_messages_refusals_total{code="OVERLOADED"}'], 3);
  t.is(found['dinguscord_messages_refusals_total{code="NOT_FOUND"}'], 0);
  t.is(found['dinguscord_messages_shed_broadcasts_total'], 4);
  t.is(found['dinguscord_messages_slow_socket_closes_total'], 3);
  t.is(found['dinguscord_messages_refused_connections_total'], 2);
  t.is(found['dinguscord_messages_version_gaps_total'], 1);
  t.is(found['dinguscord_messages_worker_restarts_total'], 1);
  t.is(found['dinguscord_messages_history_pages_total{source="memory"}'], 4);
  t.is(found['dinguscord_messages_history_pages_total{source="store"}'], 3);
  t.is(found['dinguscord_messages_history_pages_total{source="shared"}'], 2);
  t.is(found['dinguscord_messages_catch_up_streams'], 1);
  t.is(found['dinguscord_messages_sockets'], 7);
  t.is(found['dinguscord_messages_mailbox_depth{shard="0"}'], 5);
  t.is(found['dinguscord_messages_mailbox_depth{shard="1"}'], 0);
  t.is(found['dinguscord_messages_http_requests_total{method="GET",route="/messages/room/:roomId",status="200"}'], 2);
  t.truthy(found['dinguscord_messages_process_start_time_seconds']);
  t.truthy(found['dinguscord_messages_process_resident_memory_bytes']);
  t.true('dinguscord_messages_event_loop_delay_seconds{worker="main",quantile="0.99"}' in found);
  for (const name of Object.keys(found)) t.true(name.startsWith('dinguscord_messages_'), name);
});

test('a second scrape counts nothing twice', async (t) => {
  const metrics = createMetrics();
  t.teardown(() => metrics.close());
  metrics.requested('POST', '/messages', 201, null);
  await metrics.render([]);
  t.is(series((await metrics.render([])).body)['dinguscord_messages_message_acks_total'], 1);
});

test('workers’ metrics cross a port and stand beside each other by worker', async (t) => {
  const [main, first, second] = [createMetrics(), createWorkerMetrics(0), createWorkerMetrics(1)];
  t.teardown(() => [main, first, second].forEach((one) => one.close()));
  first.frameCommitted(20, 0.003);
  first.frameCommitted(1, 0.001);
  first.frameRetried('duplicate');
  first.frameRetried('a reason nobody knows');
  second.frameRetried('lost');
  first.resident(0, 12);
  second.resident(2, 1);
  first.activated(13);
  first.evicted(1);
  const snapshots = await Promise.all([first.snapshot(), second.snapshot()]);
  const { body } = await main.render(snapshots.map(cross));
  const found = series(body);
  const at = (name: string, labels: string): number | undefined => found[`dinguscord_messages_${name}{${labels}}`];
  t.is(at('frame_commands_sum', 'worker="0"'), 21);
  t.is(at('frame_commands_count', 'worker="0"'), 2);
  t.is(at('frame_commands_bucket', 'le="1",worker="0"'), 1);
  t.is(at('frame_commit_seconds_count', 'worker="0"'), 2);
  t.is(at('frames_total', 'result="committed",worker="0"'), 2);
  t.is(at('frames_total', 'result="failed",worker="1"'), 1);
  t.is(at('frame_retries_total', 'reason="duplicate",worker="0"'), 1);
  t.is(at('frame_retries_total', 'reason="other",worker="0"'), 1);
  t.is(at('resident_rooms', 'shard="0",worker="0"'), 12);
  t.is(at('resident_rooms', 'shard="2",worker="1"'), 1);
  t.is(at('activations_total', 'worker="0"'), 13);
  t.is(at('evictions_total', 'worker="0"'), 1);
  t.true((at('worker_heap_bytes', 'kind="used",worker="1"') ?? 0) > 0);
  t.true('dinguscord_messages_event_loop_delay_seconds{worker="1",quantile="1"}' in found);
});

test('every metric is announced once and its series stand together', async (t) => {
  const [main, worker] = [createMetrics(), createWorkerMetrics(0)];
  t.teardown(() => [main, worker].forEach((one) => one.close()));
  const { body } = await main.render([await worker.snapshot()]);
  const types = body.split('\n').filter((line) => line.startsWith('# TYPE'));
  t.is(new Set(types).size, types.length);
});

test('labels stay bounded whatever is requested', async (t) => {
  const metrics = createMetrics();
  t.teardown(() => metrics.close());
  for (let index = 0; index < 2000; index += 1) metrics.requested('GET', `/route-${index}`, 200, null);
  metrics.requested('BREW', '/coffee', 418, null);
  const found = series((await metrics.render([])).body);
  const requests = Object.entries(found).filter(([name]) => name.includes('http_requests_total'));
  t.is(requests.length, 501);
  t.is(
    requests.reduce((sum, [, count]) => sum + count, 0),
    2001,
  );
});
