/**
 * Who is typing. An entry exists from the broadcast of its start to the broadcast of its end, so every start that others
 * heard of is followed by one end. A clock that steps back never prolongs a typing beyond its time to live.
 */
import type { StopTypingCommand, TypingCommand } from './protocol/commands.js';
import type { RoomEvent, TypingEvent } from './protocol/events.js';
import type { ActorLimits } from './protocol/limits.js';
import { answer, done, noEvents, refuse, type RoomDecision } from './reply.js';
import type { RoomState, Typing } from './state.js';
import { setTyping } from './undo.js';

export function decideTyping(state: RoomState, command: TypingCommand, now: number, limits: ActorLimits): RoomDecision {
  const { userId } = command;
  const entry = state.typing?.get(userId);
  const events: RoomEvent[] = [];
  if (entry === undefined && state.typing !== null && state.typing.size >= limits.typingUsers) {
    events.push(...stopsOfEnded(state, now, limits));
    if (state.typing.size - events.length >= limits.typingUsers)
      return refuse('OVERLOADED', 'Too many users are typing in this room');
  }
  const since = entry === undefined ? Infinity : now - entry.announcedAt;
  const announced = since < 0 || since >= limits.typingQuietMs;
  const until = now + limits.typingTtlMs;
  events.push({ type: 'typing_started', durable: false, userId, until, announced, at: now });
  return answer(done, events);
}

export function decideStopTyping(state: RoomState, command: StopTypingCommand, now: number): RoomDecision {
  const stop = stopOf(state, command.userId, now);
  return answer(done, stop === null ? noEvents : [stop]);
}

/** Users who are typing now, the first to start first. */
export function decideTypingUsers(state: RoomState, now: number, limits: ActorLimits): RoomDecision {
  return answer({ kind: 'typing_users', userIds: typingNow(state, (entry) => !ended(entry, now, limits)) });
}

/** Users of whose typing the others were told, and not of its end, the first to start first. */
export function typingNow(state: RoomState, such: (entry: Typing) => boolean = () => true): readonly string[] {
  const typing = [...(state.typing ?? [])].filter(([, entry]) => such(entry));
  typing.sort(([, a], [, b]) => a.order - b.order);
  return typing.map(([userId]) => userId);
}

/** The end of a user's typing, if the others think that the user types. */
export function stopOf(state: RoomState, userId: string, now: number): TypingEvent | null {
  return state.typing?.has(userId) === true ? stopped(userId, now) : null;
}

/** The ends of those whose time to live is over. */
export function stopsOfEnded(state: RoomState, now: number, limits: ActorLimits): readonly TypingEvent[] {
  if (state.typing === null) return [];
  const stops: TypingEvent[] = [];
  for (const [userId, entry] of state.typing) if (ended(entry, now, limits)) stops.push(stopped(userId, now));
  return stops;
}

function ended(entry: Typing, now: number, limits: ActorLimits): boolean {
  return entry.until <= now || entry.until > now + limits.typingTtlMs;
}

function stopped(userId: string, now: number): TypingEvent {
  return { type: 'typing_stopped', durable: false, userId, until: 0, announced: true, at: now };
}

export function evolveTyping(state: RoomState, event: TypingEvent): void {
  if (event.type === 'typing_stopped') {
    setTyping(state, event.userId, null);
    return;
  }
  const before = state.typing?.get(event.userId);
  setTyping(state, event.userId, {
    order: before?.order ?? nextOrder(state),
    until: event.until,
    announcedAt: before === undefined || event.announced ? event.at : before.announcedAt,
  });
}

function nextOrder(state: RoomState): number {
  let last = 0;
  if (state.typing !== null) for (const { order } of state.typing.values()) if (order > last) last = order;
  return last + 1;
}
