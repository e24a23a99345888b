/** Laws 10 and 11: nobody hears of a room that is not theirs, and nothing gives a content back once its deletion is acked. */
import type { Seen } from '../history.js';
import { listOf, type Evidence, type Violation } from './evidence.js';

export function outsidersHearNothing({ run, streams, requests }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const stranger = (user: string, room: string): boolean =>
    !(run.members[room] ?? []).includes(user) && run.guests[room] !== user;
  for (const { user, room, entries } of streams)
    if (stranger(user, room) && entries.some(({ type }) => type !== 'resync'))
      violations.push({ law: 10, fault: 'leak', room, detail: `${user}, who is no member, heard of it` });
  for (const { invoke, ok } of requests)
    if (ok !== null && stranger(invoke.user, invoke.room) && (invoke.kind !== 'page' || (ok.messages?.length ?? 0) > 0))
      violations.push({
        law: 10,
        fault: 'leak',
        room: invoke.room,
        detail: `${invoke.kind} of ${invoke.user}, who is no member, was answered`,
      });
  return violations;
}

/** After the end of somebody's access nothing that was sequenced later reaches them, until they join again. */
export function removedHearNothing({ streams, removals }: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const { session, user, room, entries } of streams) {
    const ends = removals.filter((one) => one.room === room && (one.user === null || one.user === user));
    let told = false;
    let joined = 0;
    for (const entry of entries) {
      if (entry.type === 'resync') told ||= entry.reason === 'removed' || entry.reason === 'room_deleted';
      else if (entry.type === 'joined') {
        told = false;
        joined = entry.version;
      } else {
        const { version } = entry.message;
        if (told || ends.some((end) => joined < end.version && version > end.version))
          violations.push({
            law: 10,
            fault: 'leak',
            room,
            detail: `${session} heard version ${version} after its removal`,
          });
      }
    }
  }
  return violations;
}

export function deletedStaysDeleted(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const deletedAt = new Map<string, number>();
  for (const { invoke, ok } of evidence.requests)
    if (invoke.kind === 'delete' && ok?.message !== undefined)
      deletedAt.set(ok.message.id, Math.min(deletedAt.get(ok.message.id) ?? Infinity, ok.t));
  const asked = new Map(evidence.requests.map(({ invoke }) => [invoke.op, invoke.t]));
  const check = (room: string, path: string, since: number, messages: readonly Seen[]): void => {
    for (const { id, content } of messages) {
      const at = deletedAt.get(id);
      if (at !== undefined && since > at && content !== '')
        violations.push({
          law: 11,
          fault: 'leak',
          room,
          detail: `${path} gave the content of ${id} after its deletion was acked`,
        });
    }
  };
  for (const { room, entries } of evidence.streams)
    for (const entry of entries)
      if (entry.type === 'joined') check(room, 'a join', asked.get(entry.op) ?? -1, entry.messages);
  for (const { invoke, ok } of evidence.requests) {
    if (ok?.messages !== undefined) check(invoke.room, 'the history', invoke.t, ok.messages);
    if (ok?.message !== undefined) check(invoke.room, 'an ack', invoke.t, [ok.message]);
  }
  for (const [room, rows] of evidence.stored)
    check(
      room,
      'the store',
      Infinity,
      rows.map(({ message }) => message),
    );
  // A tombstone that a socket has is followed by nothing that has the content again.
  const gone = new Map<string, Set<string>>();
  for (const { session, room, entries } of evidence.streams)
    for (const entry of entries) {
      if (entry.type !== 'heard') continue;
      const ids = gone.get(session) ?? new Set<string>();
      gone.set(session, ids);
      if (entry.message.deleted) ids.add(entry.message.id);
      else if (ids.has(entry.message.id))
        violations.push({
          law: 11,
          fault: 'leak',
          room,
          detail: `${session} heard ${entry.message.id} again after its deletion`,
        });
    }
  return violations;
}

/** Integration events: every acked message at least once, first seen in the room's order, nothing that is not stored. */
export function integrationIsComplete({ run, integration, stored, byId }: Evidence): Violation[] {
  if (!run.integration) return [];
  const violations: Violation[] = [];
  const sent = new Map<string, number[]>();
  const known = new Set<string>();
  for (const { key, eventId, room, id, seq } of integration) {
    if (key !== 'message.room.sent' || room === null || seq === null || known.has(eventId)) continue;
    known.add(eventId);
    const seqs = listOf(sent, room);
    const last = seqs.at(-1) ?? 0;
    if (seq < last)
      violations.push({ law: 2, fault: 'disorder', room, detail: `integration event of seq ${seq} after ${last}` });
    seqs.push(seq);
    if (id !== null && !byId.has(id))
      violations.push({ law: 1, fault: 'lost', room, detail: `integration event of ${id}, which is not stored` });
  }
  for (const [room, rows] of stored) {
    const seqs = new Set(sent.get(room));
    for (const { message } of rows)
      if (!seqs.has(message.seq))
        violations.push({ law: 1, fault: 'lost', room, detail: `no integration event of seq ${message.seq}` });
  }
  return violations;
}
