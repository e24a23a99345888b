/** Whether broadcasts follow what was delivered before: what came twice is dropped, and a hole is announced at its place. */
import type { PlacedBroadcast } from '../runtime/frames.js';

/** Broadcasts that are to be given, and where those stand who get them. */
export interface Sequel {
  readonly events: readonly PlacedBroadcast[];
  /** Null while it is not known: receipts alone have no version. */
  readonly version: number | null;
  readonly seq: number;
}

/** The JSON text of the event that announces a hole. */
export function gapPacket(roomId: string | null, version: number): string {
  return `["resync_required",${JSON.stringify({ roomId, version, reason: 'gap' })}]`;
}

/**
 * A frame that is told again, since its outcome had been lost, tells each message as it is now. So a change may stand at a later
 * version than what comes after it: [send, send, edit the first] is told as 3, 2, 3. Nothing of that is dropped, and the jump
 * is announced: a client that lost its connection in between would take itself for up to date.
 * @param seen what was delivered last; null when it is not known
 * @param announce makes the packet for a hole between two versions
 */
export function sequel(
  seen: { readonly version: number; readonly seq: number | null } | null,
  events: readonly PlacedBroadcast[],
  announce: (delivered: number | null, next: number) => string,
): Sequel {
  const before = seen?.version ?? null;
  let version = before;
  let seq = seen?.seq ?? 0;
  let last: PlacedBroadcast | null = null;
  let announced = false;
  const kept: PlacedBroadcast[] = [];
  for (const event of events) {
    const next = event.version;
    // Several broadcasts of one change share its version and place.
    if (next !== null && !(next === last?.version && event.at === last.at)) {
      if (before !== null && next <= before) continue;
      const back = version !== null && next <= version;
      if (back && kept.some((other) => other.version === next && kindOf(other) === kindOf(event))) continue;
      const ahead = version !== null && next > version + 1;
      if (version !== null && (ahead || (next < version && !announced))) {
        const to = Math.max(next, version);
        kept.push({ packet: announce(ahead ? version : before, to), version: to, except: null, at: event.at });
        announced = true;
      }
      version = Math.max(next, version ?? 0);
      last = event;
      if (event.packet.startsWith(newMessage)) seq += 1;
    }
    kept.push(event);
  }
  return { events: kept, version, seq };
}

/** What begins a packet: the name of its event. */
function kindOf({ packet }: PlacedBroadcast): string {
  return packet.slice(0, packet.indexOf(','));
}

const newMessage = '["new_message"';
const seqField = ',"seq":';

/** The seq of the newest new message, read from its text: within content a quote would be escaped. */
export function newestSeq(events: readonly PlacedBroadcast[]): number | null {
  const packet = events.findLast((event) => event.packet.startsWith(newMessage))?.packet ?? '';
  const at = packet.indexOf(seqField);
  return at === -1 ? null : Number.parseInt(packet.slice(at + seqField.length, at + seqField.length + 16), 10);
}
