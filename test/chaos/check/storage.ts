/** Laws 2, 3 and 8 in the store itself: seq is 1..n, versions are places of their own, a name is one message, marks fit. */
import type { Evidence, Violation } from './evidence.js';

export function storeIsGapless({ stored, rooms }: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const [room, rows] of stored) {
    const seqs = rows.map(({ message }) => message.seq).sort((a, b) => a - b);
    seqs.forEach((seq, index) => {
      const before = seqs[index - 1] ?? 0;
      if (seq === before) violations.push({ law: 2, fault: 'doubled', room, detail: `seq ${seq} is stored twice` });
      else if (seq !== before + 1)
        violations.push({ law: 2, fault: 'lost', room, detail: `seq ${seq} is stored after ${before}` });
    });
    const head = rooms.get(room);
    if (head?.seq !== (seqs.at(-1) ?? 0))
      violations.push({
        law: 2,
        fault: 'lost',
        room,
        detail: `the room ends at ${head?.seq ?? 0}, its messages at ${seqs.at(-1) ?? 0}`,
      });
    const versions = new Set(rows.map(({ message }) => message.version));
    if (versions.size !== rows.length)
      violations.push({ law: 5, fault: 'doubled', room, detail: 'one version, two messages' });
    const beyond = rows.find(({ message }) => message.version > (head?.version ?? 0));
    if (beyond !== undefined)
      violations.push({
        law: 5,
        fault: 'disorder',
        room,
        detail: `version ${beyond.message.version} lies beyond the head`,
      });
  }
  return violations;
}

export function namesAreUnique({ stored }: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const [room, rows] of stored) {
    const names = new Map<string, string>();
    for (const { sender, name, message } of rows) {
      if (name === null) continue;
      const key = `${sender} ${name}`;
      const other = names.get(key);
      if (other !== undefined)
        violations.push({ law: 3, fault: 'doubled', room, detail: `${key} is stored as ${other} and ${message.id}` });
      names.set(key, message.id);
    }
  }
  return violations;
}

/** Law 8: marks never pass the head, never fall, and are at least what was acked. */
export function marksOnlyGrow({ marks, rooms, requests, receipts }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const stored = new Map(marks.map((mark) => [`${mark.room} ${mark.user}`, mark]));
  for (const { room, user, delivered, read } of marks) {
    const last = rooms.get(room)?.seq ?? 0;
    if (delivered > last || read > last)
      violations.push({
        law: 8,
        fault: 'receipt',
        room,
        detail: `${user} is at ${delivered}/${read}, the room at ${last}`,
      });
  }
  for (const { invoke, ok } of requests) {
    if (invoke.kind !== 'read' || ok?.upTo === undefined) continue;
    const { room, user } = invoke;
    const read = stored.get(`${room} ${user}`)?.read ?? 0;
    if (read < ok.upTo)
      violations.push({
        law: 8,
        fault: 'receipt',
        room,
        detail: `${user} was acked ${ok.upTo} as read, stored is ${read}`,
      });
  }
  const heard = new Map<string, number>();
  for (const { session, room, reader, upTo } of receipts) {
    const key = `${session} ${room} ${reader}`;
    const before = heard.get(key) ?? 0;
    if (upTo < before)
      violations.push({
        law: 8,
        fault: 'receipt',
        room,
        detail: `${session} heard ${reader} read ${before}, then ${upTo}`,
      });
    heard.set(key, Math.max(before, upTo));
  }
  return violations;
}

/** Law 6: after an epoch was raised nothing is acked until the owner has taken the partition again, under a higher one. */
export function formerOwnersAreFenced({ fences }: Evidence): Violation[] {
  return fences
    .filter(({ found, raised }) => found <= raised)
    .map(({ room, partition, raised, found }) => {
      const detail = `acked under epoch ${found} of partition ${partition}, which had been raised to ${raised}`;
      return { law: 6, fault: 'fence', room, detail };
    });
}
