/**
 * A node of the ownership tests as a process of its own: workers, membership and steward, but no edges and no bus. It is told
 * by messages what to do, and tells what it holds, what it broadcasts and what becomes of each command.
 */
import type { Command } from '../../src/actors/protocol/commands.js';
import { readConfig } from '../../src/config.js';
import { createLog } from '../../src/observe/log.js';
import { PostgresMembership } from '../../src/runtime/cluster/membership.js';
import type { LaneOutcome } from '../../src/runtime/cluster/port.js';
import { Steward } from '../../src/runtime/cluster/steward.js';
import { RoomRuntime } from '../../src/runtime/room-runtime.js';
import { configuredConnection } from '../../src/runtime/store/postgres/connection.js';

export type ToNode =
  | { readonly type: 'command'; readonly command: Command; readonly resent: boolean }
  | { readonly type: 'gone'; readonly nodes: readonly string[] }
  | { readonly type: 'drain' }
  /** To die between the answers and the broadcasts of the next frame. */
  | { readonly type: 'die untold' }
  | { readonly type: 'stop' };

export type FromNode =
  | { readonly type: 'started' }
  | { readonly type: 'held'; readonly partition: number; readonly epoch: number | null }
  | { readonly type: 'nodes'; readonly nodes: readonly string[] }
  | { readonly type: 'lapsed' }
  | { readonly type: 'outcome'; readonly id: string; readonly outcome: LaneOutcome }
  | { readonly type: 'told'; readonly key: string; readonly packet: string; readonly version: number | null }
  | { readonly type: 'gave-up' };

const config = readConfig();
const connection = configuredConnection(config);
const node = process.env['TEST_NODE'] ?? 'node';
const idleSessionMs = Number(process.env['TEST_IDLE_SESSION_MS'] ?? 10_000);
if (connection === null) throw new Error('DB_HOST is not set');
const log = createLog(config.logLevel, node);
/** `armed`: dies with the next frame that tells something; `silent`: has said its last word. */
let death: 'none' | 'armed' | 'silent' = 'none';
const say = (message: FromNode): void => {
  if (death !== 'silent') process.send?.(message);
};

const rooms = new RoomRuntime({
  config,
  connection,
  node,
  alone: false,
  idleSessionMs,
  log,
  onWorkerRestart: () => undefined,
  onGiveUp: () => say({ type: 'gave-up' }),
});
const { clusterPollMs: pollMs, nodeStaleMs: staleMs, partitions } = config;
const membership = new PostgresMembership({ connection, self: node, partitions, pollMs, staleMs, log });
const times = { takeOverStepMs: config.takeOverStepMs, stableMs: config.handoverStableMs, staleMs };
const steward = new Steward({ self: node, membership, rooms, times, lookMs: pollMs, log });

rooms.onHeld((partition, epoch) => say({ type: 'held', partition, epoch }));
rooms.onFrame((bursts) => {
  if (death === 'armed' && bursts.length > 0) {
    death = 'silent';
    // The answers were sent before; once this is written they are, too.
    process.send?.({ type: 'lapsed' } satisfies FromNode, () => process.kill(process.pid, 'SIGKILL'));
  }
  for (const { key, events } of bursts)
    for (const { packet, version } of events) say({ type: 'told', key, packet, version });
});
membership.onChange(({ nodes }) => say({ type: 'nodes', nodes: nodes.map(({ id }) => id) }));
membership.onLapse(() => say({ type: 'lapsed' }));

process.on('message', (message: ToNode) => {
  if (message.type === 'command')
    rooms.offer(message.command, message.resent, (outcome) =>
      say({ type: 'outcome', id: message.command.id, outcome }),
    );
  else if (message.type === 'gone') rooms.gone(message.nodes);
  else if (message.type === 'drain') void membership.drain();
  else if (message.type === 'die untold') death = 'armed';
  else void stop();
});
process.on('disconnect', () => process.exit(0));

await rooms.start();
await membership.start();
await steward.start();
say({ type: 'started' });

async function stop(): Promise<void> {
  await steward.stop();
  await rooms.stop();
  await membership.stop();
  process.disconnect?.();
}
