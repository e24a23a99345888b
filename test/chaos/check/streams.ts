/** Laws 2, 4 and 5 at every socket: no hole, no double, no swap after a join, and in the end everybody has all of it. */
import type { Heard, Joined, Seen } from '../history.js';
import type { Evidence, Stream, Violation } from './evidence.js';

/**
 * Law 4: from every `room_joined` on, versions and seqs follow each other; an announced hole ends the claim until the next join.
 * What is filled from the store knows the last change of a message only: a version that no stored message has (any more) may be
 * left out, since a later change of the same message follows; creations are still seen to be complete by their seqs.
 */
export function streamsAreWhole({ streams, stored }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const lasting = new Map(
    [...stored].map(([room, rows]) => [room, new Set(rows.map(({ message }) => message.version))]),
  );
  for (const stream of streams) {
    const due = lasting.get(stream.room) ?? new Set<number>();
    let place: { seq: number; version: number } | null = null;
    for (const entry of stream.entries) {
      if (entry.type === 'joined') {
        violations.push(...snapshotIsSound(entry));
        place = { seq: entry.seq, version: entry.version };
      } else if (entry.type === 'resync') {
        if (['gap', 'slow_consumer', 'room_left', 'removed', 'room_deleted'].includes(entry.reason)) place = null;
      } else if (place !== null) {
        violations.push(...step(stream, place, entry, due));
        place.version = Math.max(place.version, entry.message.version);
        if (entry.event === 'new_message') place.seq = Math.max(place.seq, entry.message.seq);
      }
    }
  }
  return violations;
}

function step(
  { session, room }: Stream,
  place: { readonly seq: number; readonly version: number },
  { event, message }: Heard,
  due: ReadonlySet<number>,
): Violation[] {
  const report = (fault: Violation['fault'], detail: string): Violation[] => [
    { law: 4, fault, room, detail: `${session}: ${event} ${detail}` },
  ];
  const { seq, version } = message;
  if (version === place.version) return report('doubled', `version ${version} twice`);
  if (version < place.version) return report('disorder', `version ${version} after ${place.version}`);
  let next = place.version + 1;
  while (next < version && !due.has(next)) next += 1;
  if (version > next) return report('hole', `version ${version} after ${place.version}`);
  if (event !== 'new_message' || seq === place.seq + 1) return [];
  return report(seq > place.seq ? 'hole' : 'disorder', `seq ${seq} after ${place.seq}`);
}

/** A snapshot's messages ascend without a double, and none lies beyond the head that it tells. */
function snapshotIsSound({ room, session, messages, seq, version, since }: Joined): Violation[] {
  const violations: Violation[] = [];
  const report = (fault: Violation['fault'], detail: string): number =>
    violations.push({ law: 4, fault, room, detail: `${session}: ${detail}` });
  let last = 0;
  for (const message of messages) {
    if (message.seq <= last)
      report(message.seq === last ? 'doubled' : 'disorder', `a join has seq ${message.seq} after ${last}`);
    else if (since === null && last > 0 && message.seq !== last + 1)
      report('hole', `a snapshot has seq ${message.seq} after ${last}`);
    if (message.seq > seq || message.version > version)
      report('disorder', `a join at ${seq}/${version} has seq ${message.seq}, version ${message.version}`);
    last = message.seq;
  }
  if (since === null && seq > 0 && last !== seq) report('hole', `a snapshot at seq ${seq} ends at ${last}`);
  return violations;
}

/** Laws 1 and 2: nobody hears of a message that is not stored, at another place, or with a content that it never had. */
export function heardIsStored({ streams, byId, requests }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const contents = new Map<string, Set<string>>();
  for (const { invoke } of requests)
    if (invoke.content !== undefined)
      contents.set(invoke.room, (contents.get(invoke.room) ?? new Set()).add(invoke.content));
  const check = (session: string, room: string, { id, seq, version, content, deleted }: Seen): void => {
    const stored = byId.get(id);
    const report = (law: number, fault: Violation['fault'], detail: string): number =>
      violations.push({ law, fault, room, detail: `${session}: ${id} (seq ${seq}) ${detail}` });
    if (stored === undefined) report(1, 'lost', 'was told and is not stored');
    else if (stored.message.seq !== seq || stored.room !== room)
      report(2, 'disorder', `is stored at ${stored.message.seq} of ${stored.room}`);
    else if (stored.message.version < version)
      report(1, 'lost', `was told with version ${version}, stored is ${stored.message.version}`);
    else if (!deleted && contents.get(room)?.has(content) !== true)
      report(1, 'changed', 'was told with a content that nobody sent');
  };
  for (const { session, room, entries } of streams)
    for (const entry of entries) {
      if (entry.type === 'heard') check(session, room, entry.message);
      else if (entry.type === 'joined') for (const message of entry.messages) check(session, room, message);
    }
  return violations;
}

/** Laws 4 and 5: joins, catch-ups, events and the pages read after a resync give every member exactly what is stored. */
export function membersHaveEverything({ run, streams, requests, stored }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const copies = new Map<string, Map<string, Seen>>();
  const learn = (user: string, room: string, message: Seen): void => {
    const key = JSON.stringify([user, room]);
    const copy = copies.get(key) ?? new Map<string, Seen>();
    copies.set(key, copy);
    const known = copy.get(message.id);
    if (known === undefined || known.version <= message.version) copy.set(message.id, message);
  };
  const resynced = new Set<string>();
  for (const { user, room, entries } of streams)
    for (const entry of entries) {
      if (entry.type === 'heard') learn(user, room, entry.message);
      else if (entry.type === 'joined') for (const message of entry.messages) learn(user, room, message);
      else resynced.add(JSON.stringify([user, room]));
    }
  // Pages count only for whoever was told to read them: otherwise they would hide a hole.
  for (const { invoke, ok } of requests)
    if (resynced.has(JSON.stringify([invoke.user, invoke.room])))
      for (const message of ok?.messages ?? []) learn(invoke.user, invoke.room, message);
  for (const [room, users] of Object.entries(run.members))
    for (const user of users) {
      const copy = copies.get(JSON.stringify([user, room]));
      for (const { message } of stored.get(room) ?? []) {
        const own = copy?.get(message.id);
        const what = `${user} has of seq ${message.seq}`;
        if (own === undefined) violations.push({ law: 4, fault: 'hole', room, detail: `${what} nothing` });
        else if (own.version !== message.version)
          violations.push({
            law: 5,
            fault: 'hole',
            room,
            detail: `${what} version ${own.version}, stored is ${message.version}`,
          });
        else if (own.content !== message.content || own.deleted !== message.deleted)
          violations.push({
            law: 5,
            fault: 'changed',
            room,
            detail: `${what} another content at version ${own.version}`,
          });
      }
    }
  return violations;
}
