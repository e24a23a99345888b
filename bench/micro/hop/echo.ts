/**
 * What the worker of every variant does with a command: the reply and the event of the service's own worker, in its shapes
 * and of its length, but neither decided by an actor nor stored, and cheaper to make: the hop is measured, not the encoding.
 */
import type { Command, SendCommand } from '../../../src/actors/protocol/commands.js';
import { packetText } from '../../../src/actors/protocol/packets.js';
import type { Outcome, PlacedBroadcast } from '../../../src/runtime/frames.js';

/** Last seq of each room. */
const lastSeq = new Map<string, number>();

/** The fields of a message object that are the same for all here. */
const rest =
  ',"receiver_id":null,"sender_display_name":"bench-user","username":"bench-user","message_type":"text"' +
  ',"is_delivered":false,"is_read":false,"delivered_count":0,"read_count":0' +
  ',"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}';

export interface Echo {
  readonly outcome: Outcome;
  readonly event: PlacedBroadcast;
}

/** @param at its place in its frame */
export function echo({ key, id, senderId, content, clientMsgId }: SendCommand, at: number): Echo {
  const seq = (lastSeq.get(key) ?? 0) + 1;
  lastSeq.set(key, seq);
  const body =
    `{"id":"${id}","room_id":"${key}","sender_id":"${senderId}","sender_name":"${senderId}","content":"${content}"` +
    `,"seq":${seq},"version":${seq},"client_msg_id":"${clientMsgId}"${rest}`;
  return {
    outcome: { ok: true, answer: { body, resync: null } },
    event: { packet: packetText('new_message', body), version: seq, except: null, at },
  };
}

export function sendOf(command: Command): SendCommand {
  if (command.kind !== 'send') throw new Error(`the hop case sends no ${command.kind}`);
  return command;
}
