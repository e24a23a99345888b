/**
 * The recent ring: the newest messages of a room in memory. It only grows within a frame, so that what a command needs
 * cannot fall out between being found in memory and being decided on; its bounds are restored by `trim` after the frame.
 */
import type { ActorLimits } from './protocol/limits.js';
import type { Message } from './protocol/message.js';
import type { RoomState } from './state.js';

/** So many messages in one frame make an index of client message ids cheaper than looking through the ring. */
const indexFrom = 16;

/** Bytes that count against `recentBytes`. */
export function weight(message: Message): number {
  return 2 * (message.content.length + (message.metadata === null ? 0 : message.metadata.length));
}

/** The seq of the oldest message in the ring, or of the next message while it is empty. Constant within a frame. */
export function firstSeq(state: RoomState): number {
  return state.lastSeq - state.recent.length + 1;
}

export function append(state: RoomState, message: Message): void {
  state.recent.push(message);
  state.bytes += weight(message);
  state.text = null;
  state.lastSeq = message.seq;
  if (state.sent !== null) note(state.sent, message);
  else if (state.recent.length - state.settledLength === indexFrom) {
    state.sent = new Map();
    for (const each of state.recent) note(state.sent, each);
  }
}

function note(sent: Map<string, number>, message: Message): void {
  if (message.clientMsgId !== null) sent.set(sentKey(message.senderId, message.clientMsgId), message.seq);
}

function sentKey(senderId: string, clientMsgId: string): string {
  return `${senderId}\u001f${clientMsgId}`; // a control character: ids have none
}

/** The message that a sender sent under a client message id, if the ring has it. */
export function findSent(state: RoomState, senderId: string, clientMsgId: string): Message | null {
  const { recent, sent } = state;
  if (sent !== null) {
    const seq = sent.get(sentKey(senderId, clientMsgId));
    return seq === undefined ? null : (recent[seq - firstSeq(state)] ?? null);
  }
  for (let i = recent.length - 1; i >= 0; i--) {
    const message = recent[i];
    if (message !== undefined && message.clientMsgId === clientMsgId && message.senderId === senderId) return message;
  }
  return null;
}

/** The same among the frame's guests, which are searched only where the store was asked for it. */
export function findSentGuest(state: RoomState, senderId: string, clientMsgId: string): Message | null {
  if (state.frame !== null)
    for (const guest of state.frame.guests.values())
      if (guest.clientMsgId === clientMsgId && guest.senderId === senderId) return guest;
  return null;
}

/** A message of the ring or of the frame's guests as it is now. */
export function find(state: RoomState, id: string): Message | null {
  const { recent } = state;
  for (let i = recent.length - 1; i >= 0; i--) {
    const message = recent[i];
    if (message?.id === id) return message;
  }
  return state.frame?.guests.get(id) ?? null;
}

/** Puts the new form of a message in the place of the old; the old one is in no memory afterwards. */
export function replace(state: RoomState, message: Message): void {
  const index = message.seq - firstSeq(state);
  const old = state.recent[index];
  if (old === undefined) {
    state.frame?.guests.set(message.id, message);
    return;
  }
  state.recent[index] = message;
  state.bytes += weight(message) - weight(old);
  state.text = null;
}

/** How many of the oldest messages are beyond the bounds. The newest always stays. */
export function surplus(state: RoomState, limits: ActorLimits): number {
  const { recent } = state;
  let { bytes } = state;
  let count = 0;
  while (count < recent.length - 1 && (recent.length - count > limits.recentMessages || bytes > limits.recentBytes)) {
    const message = recent[count++];
    if (message !== undefined) bytes -= weight(message);
  }
  return count;
}

/** Lets the surplus go. Joins send the ring without its surplus, so their text stays good. */
export function trim(state: RoomState, limits: ActorLimits): void {
  const count = surplus(state, limits);
  if (count > 0)
    for (const message of state.recent.splice(0, count)) {
      state.bytes -= weight(message);
      if (message.version > state.floor) state.floor = message.version;
    }
}
