/** mark_read and mark_delivered: the caller's own sockets hear of it from here, the others by the rooms' broadcasts. */
import { packetText } from '../../actors/protocol/packets.js';
import type { Chat, Covered } from '../../edge/port.js';
import type { Call } from '../call.js';
import type { Hub } from '../hub.js';
import { withFields } from '../packets.js';

export async function mark(call: Call, chat: Chat, hub: Hub, level: 'read' | 'delivered'): Promise<void> {
  const covered = call.take(await chat.mark(call.caller, level, call.input));
  if (covered === null) return;
  const event = level === 'read' ? 'marked_read' : 'marked_delivered';
  const bodies = covered.map((one) => ownBody(call.caller.userId, one));
  for (const body of bodies) hub.tellUser(call.caller.userId, packetText(event, body));
  const [only] = bodies;
  call.succeed(bodies.length === 1 && only !== undefined ? only : `{"success":true,"marked":[${bodies.join(',')}]}`);
}

function ownBody(userId: string, { body }: Covered): string {
  return withFields(`"success":true,"userId":${JSON.stringify(userId)}`, body);
}
