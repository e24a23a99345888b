/**
 * Takes back what a frame did to occupants and typing. They are in no store, so when a frame does not commit they cannot
 * be read again: every change notes how it was before, and the notes are followed backwards.
 */
import type { RoomState, Typing } from './state.js';

export type Undo =
  | { readonly what: 'occupant'; readonly userId: string; readonly socketId: string; readonly was: boolean }
  | { readonly what: 'typing'; readonly userId: string; readonly was: Typing | null };

/** Adds or removes a socket; a repetition changes nothing. */
export function setOccupant(state: RoomState, userId: string, socketId: string, present: boolean): void {
  if (changeOccupant(state, userId, socketId, present))
    (state.undo ??= []).push({ what: 'occupant', userId, socketId, was: !present });
}

export function setTyping(state: RoomState, userId: string, typing: Typing | null): void {
  (state.undo ??= []).push({ what: 'typing', userId, was: state.typing?.get(userId) ?? null });
  changeTyping(state, userId, typing);
}

export function rollBack(state: RoomState): void {
  const { undo } = state;
  if (undo === null) return;
  state.undo = null;
  for (let i = undo.length - 1; i >= 0; i--) {
    const step = undo[i];
    if (step?.what === 'occupant') changeOccupant(state, step.userId, step.socketId, step.was);
    else if (step?.what === 'typing') changeTyping(state, step.userId, step.was);
  }
}

function changeOccupant(state: RoomState, userId: string, socketId: string, present: boolean): boolean {
  const sockets = state.occupants?.get(userId) ?? [];
  if (sockets.includes(socketId) === present) return false;
  if (present) {
    // Not spread: that leaves room for sixteen more.
    (state.occupants ??= new Map()).set(userId, sockets.concat(socketId));
    return true;
  }
  if (sockets.length > 1)
    state.occupants?.set(
      userId,
      sockets.filter((other) => other !== socketId),
    );
  else state.occupants?.delete(userId);
  if (state.occupants?.size === 0) state.occupants = null;
  return true;
}

function changeTyping(state: RoomState, userId: string, typing: Typing | null): void {
  if (typing !== null) (state.typing ??= new Map()).set(userId, typing);
  else {
    state.typing?.delete(userId);
    if (state.typing?.size === 0) state.typing = null;
  }
}
