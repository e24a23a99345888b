/** The worker of the lanes: speaks the protocol of the service's shard hosts, a frame in and a frame out. */
import type { Burst, CommandFrame, FrameReply, PlacedBroadcast } from '../../../src/runtime/frames.js';
import type { FromHost, HostTask, ToHost } from '../../../src/runtime/host-protocol.js';
import { packReply, unpackFrame } from '../../../src/runtime/packing.js';
import { echo, sendOf } from './echo.js';

/** @returns when it was told to stop */
export default async function host({ port, shards, beatMs }: HostTask): Promise<void> {
  const post = (message: FromHost): void => port.postMessage(message);
  const stopped = new Promise<void>((resolve) => {
    port.on('message', (message: ToHost) => {
      if (message.type === 'frame') post(packReply(answer(unpackFrame(message))));
      else if (message.type === 'stop') resolve();
    });
  });
  const beat = setInterval(() => post({ type: 'beat' }), beatMs);
  post({ type: 'hello' });
  for (const { shard } of shards) post({ type: 'ready', shard });
  await stopped;
  clearInterval(beat);
  port.close();
}

/** As the service's shard puts a frame's reply together: outcomes by command, events by room. */
function answer({ shard, number, commands }: CommandFrame): FrameReply {
  const bursts = new Map<string, PlacedBroadcast[]>();
  const outcomes = commands.map((command, at) => {
    const { outcome, event } = echo(sendOf(command), at);
    const burst = bursts.get(command.key);
    if (burst === undefined) bursts.set(command.key, [event]);
    else burst.push(event);
    return outcome;
  });
  const all: Burst[] = [...bursts].map(([key, events]) => ({ key, events }));
  return { type: 'frame', shard, number, outcomes, bursts: all };
}
