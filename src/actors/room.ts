/**
 * The room actor: the one place where a command becomes events, a reply and broadcasts. Pure: time, ids and what the store
 * knows are arguments, and nothing outside this folder is imported. It fills the runtime's `Behaviour`.
 *
 *   activate ─▶ ( needs ─▶ supply ─▶ ( decide ─▶ evolve ─▶ broadcasts, encodeReply )* ─▶ settle )*
 */
import type { Command } from './protocol/commands.js';
import type { Known } from './protocol/decision.js';
import type { Broadcast, RoomEvent } from './protocol/events.js';
import type { ActorLimits } from './protocol/limits.js';
import type { Answer } from './protocol/replies.js';
import type { Facts, Need, RoomSnapshot } from './protocol/state.js';
import { Encoder } from './encoding.js';
import { needs, supply } from './facts.js';
import { decideAnnounce, decideForget, decideJoin, decideLeave, evolveOccupants, hosts } from './occupants.js';
import { decidePage } from './pages.js';
import { decideMark, evolveReceipt } from './receipts.js';
import { decideEvict, evolveEviction } from './removals.js';
import type { RoomDecision, RoomReply } from './reply.js';
import { decideDelete, decideEdit, decideSend, evolveMessage } from './sequencing.js';
import { activate, carry, occupied, settle, type RoomState } from './state.js';
import { deadline, decideTick } from './tick.js';
import { decideStopTyping, decideTyping, decideTypingUsers, evolveTyping } from './typing.js';

export type { RoomReply, RoomState };

/** What `roomBehaviour` makes; the runtime knows it as `Behaviour<RoomState, RoomReply>`. */
export interface RoomBehaviour {
  activate(snapshot: RoomSnapshot): RoomState;
  needs(state: RoomState, command: Command): readonly Need[];
  supply(state: RoomState, facts: Facts): void;
  decide(state: RoomState, command: Command, now: number, known: Known | null): RoomDecision;
  evolve(state: RoomState, event: RoomEvent): RoomState;
  encodeReply(state: RoomState, reply: RoomReply): Answer;
  broadcasts(state: RoomState, event: RoomEvent): readonly Broadcast[];
  settle(state: RoomState): void;
  deadline(state: RoomState): number | null;
  occupied(state: RoomState): boolean;
  hosts(state: RoomState, nodes: readonly string[]): boolean;
  carry(old: RoomState, fresh: RoomState): RoomState;
  lastSeq(state: RoomState): number;
  lastVersion(state: RoomState): number;
}

/** The behaviour of every room of one shard. Not shared between threads; it keeps nothing but encoded texts. */
export function roomBehaviour(limits: ActorLimits): RoomBehaviour {
  const encoder = new Encoder(limits);
  return {
    activate: (snapshot) => activate(snapshot, limits),
    needs: (state, command) => needs(state, command, limits),
    supply: (state, facts) => supply(state, facts, limits),
    decide: (state, command, now, known) => decide(state, command, now, known, limits),
    evolve: (state, event) => evolve(state, event, limits),
    encodeReply: (state, reply) => encoder.reply(state, reply),
    broadcasts: (state, event) => encoder.broadcasts(state, event),
    settle: (state) => {
      encoder.forget();
      settle(state, limits);
    },
    deadline,
    occupied,
    hosts,
    carry,
    lastSeq: (state) => state.lastSeq,
    lastVersion: (state) => state.lastVersion,
  };
}

/** Changes nothing: what a command does to the state is in its events. */
function decide(
  state: RoomState,
  command: Command,
  now: number,
  known: Known | null,
  limits: ActorLimits,
): RoomDecision {
  switch (command.kind) {
    case 'send':
      return decideSend(state, command, now, known);
    case 'edit':
      return decideEdit(state, command, now, known);
    case 'delete':
      return decideDelete(state, command, now, known);
    case 'mark':
      return decideMark(state, command, known);
    case 'join':
      return decideJoin(state, command, limits);
    case 'leave':
      return decideLeave(state, command, now);
    case 'typing':
      return decideTyping(state, command, now, limits);
    case 'stop_typing':
      return decideStopTyping(state, command, now);
    case 'typing_users':
      return decideTypingUsers(state, now, limits);
    case 'announce':
      return decideAnnounce(state, command, now, limits);
    case 'evict':
      return decideEvict(state, command, now, known);
    case 'page':
      return decidePage(state, command);
    case 'forget':
      return decideForget(state, command, now);
    case 'tick':
      return decideTick(state, now, limits);
  }
}

/** Changes the state in place and returns it. */
function evolve(state: RoomState, event: RoomEvent, limits: ActorLimits): RoomState {
  switch (event.type) {
    case 'message_created':
    case 'message_edited':
    case 'message_deleted':
      evolveMessage(state, event);
      break;
    case 'receipt_advanced':
      evolveReceipt(state, event);
      break;
    case 'members_evicted':
      evolveEviction(state, event, limits);
      break;
    case 'occupant_joined':
    case 'occupant_left':
    case 'occupants_announced':
    case 'occupants_listed':
      evolveOccupants(state, event);
      break;
    case 'typing_started':
    case 'typing_stopped':
      evolveTyping(state, event);
      break;
  }
  return state;
}
