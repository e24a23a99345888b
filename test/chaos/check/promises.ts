/** Laws 1, 2 and 3 at the asking side: what was acked is stored as it was acked, in the order of the acks, and once for ever. */
import type { Seen } from '../history.js';
import { listOf, type Evidence, type Request, type Violation } from './evidence.js';

type Acked = Request & { readonly message: Seen; readonly ackedAt: number };

/** Acked sends, edits or deletes. */
function ackedOf({ requests }: Evidence, kinds: readonly string[]): Acked[] {
  return requests.flatMap((request) => {
    const { invoke, ok } = request;
    if (ok?.message === undefined || !kinds.includes(invoke.kind)) return [];
    return [{ ...request, message: ok.message, ackedAt: ok.t }];
  });
}

/** Law 1: everything acked is there, at its place, with its content unless it was changed later. */
export function acksAreStored(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const { invoke, message } of ackedOf(evidence, ['send', 'edit', 'delete'])) {
    const { room, kind } = invoke;
    const stored = evidence.byId.get(message.id)?.message;
    const what = `${kind} ${message.id} (seq ${message.seq}, version ${message.version})`;
    const report = (fault: Violation['fault'], detail: string): number =>
      violations.push({ law: 1, fault, room, detail: `${what}: ${detail}` });
    if (stored === undefined) report('lost', 'acked and not stored');
    else if (stored.seq !== message.seq) report('disorder', `stored at seq ${stored.seq}`);
    else if (stored.version < message.version) report('lost', `stored with version ${stored.version}`);
    else if (
      stored.version === message.version &&
      (stored.content !== message.content || stored.deleted !== message.deleted)
    )
      report('changed', 'stored with another content');
    else if (kind === 'delete' && !stored.deleted) report('lost', 'the deletion is not stored');
    if (kind !== 'delete' && !message.deleted && kind === 'edit' && message.content !== invoke.content)
      report('changed', 'acked with another content');
  }
  return violations;
}

/** Law 3: all acks of a name name one message. What the store has of it is checked with the store. */
export function retriesGetTheOriginal(evidence: Evidence): Violation[] {
  const originals = new Map<string, Seen>();
  const violations: Violation[] = [];
  for (const { invoke, message } of ackedOf(evidence, ['send'])) {
    const { room, user, name } = invoke;
    const key = JSON.stringify([room, user, name]);
    const original = originals.get(key);
    originals.set(key, original ?? message);
    if (original === undefined || original.id === message.id) continue;
    violations.push({
      law: 3,
      fault: 'doubled',
      room,
      detail: `${name} was acked as ${original.id} and as ${message.id}`,
    });
  }
  return violations;
}

/** Law 2 in real time: what was first asked for after something was acked lies behind it. */
export function orderFollowsAcks(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  // A name that was sent before without an answer may have its place from then.
  const first = new Map<string, number>();
  const nameOf = ({ room, user, name }: Request['invoke']): string => JSON.stringify([room, user, name]);
  for (const { invoke } of evidence.requests)
    if (invoke.kind === 'send' && !first.has(nameOf(invoke))) first.set(nameOf(invoke), invoke.t);
  for (const [room, sends] of byRoom(ackedOf(evidence, ['send']))) {
    const begun = sends
      .map(({ invoke, message }) => ({ message, t: first.get(nameOf(invoke)) ?? invoke.t }))
      .sort((a, b) => a.t - b.t);
    const acked = [...sends].sort((a, b) => a.ackedAt - b.ackedAt);
    let highest = 0;
    let next = 0;
    for (const { message, t } of begun) {
      for (let ack = acked[next]; ack !== undefined && ack.ackedAt < t; ack = acked[++next])
        highest = Math.max(highest, ack.message.seq);
      if (message.seq < highest)
        violations.push({
          law: 2,
          fault: 'disorder',
          room,
          detail: `seq ${message.seq} was begun after seq ${highest} was acked`,
        });
    }
  }
  return violations;
}

/** Laws 2 and 4: a join or a page that was asked for after an ack knows of what was acked. */
export function answersKnowWhatWasAcked(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const joined = new Map<number, number>();
  for (const { entries } of evidence.streams)
    for (const entry of entries) if (entry.type === 'joined') joined.set(entry.op, entry.version);
  const acks = byRoom(ackedOf(evidence, ['send', 'edit', 'delete']));
  for (const [room, list] of acks) {
    const acked = [...list].sort((a, b) => a.ackedAt - b.ackedAt);
    let version = 0;
    let next = 0;
    for (const { invoke } of evidence.requests) {
      // Requests are in the order of their times.
      if (invoke.room !== room) continue;
      for (let ack = acked[next]; ack !== undefined && ack.ackedAt < invoke.t; ack = acked[++next])
        version = Math.max(version, ack.message.version);
      const told = invoke.kind === 'join' ? joined.get(invoke.op) : undefined;
      if (told !== undefined && told < version)
        violations.push({
          law: 4,
          fault: 'stale',
          room,
          detail: `${invoke.user} joined at version ${told} after ${version} was acked`,
        });
    }
  }
  for (const { invoke, ok } of evidence.requests) {
    if (ok?.messages === undefined) continue;
    const acked = (acks.get(invoke.room) ?? []).filter(({ ackedAt }) => ackedAt < invoke.t);
    const after = ok.after ?? 0;
    const last = ok.messages.at(-1)?.seq ?? after;
    // A short page ends at the head; a full one says nothing of what lies behind it.
    if (ok.messages.length >= 50) continue;
    const missed = acked.find(({ message }) => message.seq > last);
    if (missed !== undefined)
      violations.push({
        law: 1,
        fault: 'stale',
        room: invoke.room,
        detail: `a page ended at ${last} after ${missed.message.seq} was acked`,
      });
  }
  return violations;
}

function byRoom(acked: readonly Acked[]): Map<string, Acked[]> {
  const rooms = new Map<string, Acked[]>();
  for (const one of acked) listOf(rooms, one.invoke.room).push(one);
  return rooms;
}
