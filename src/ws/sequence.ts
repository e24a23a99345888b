/** Whether broadcasts follow what was delivered before: what came twice is dropped, and a hole is announced at its place. */
import type { PlacedBroadcast } from '../runtime/frames.js';
import type { Standing } from '../runtime/rooms.js';

export interface Sequel extends Standing {
  readonly events: readonly PlacedBroadcast[];
}

/** The JSON text of the event that announces a hole. */
export function gapPacket(roomId: string | null, version: number): string {
  return `["resync_required",${JSON.stringify({ roomId, version, reason: 'gap' })}]`;
}

/**
 * @param seen what was delivered last; null when it is not known
 * @param announce makes the packet for a hole between two versions
 */
export function sequel(
  seen: { readonly version: number; readonly seq: number | null } | null,
  events: readonly PlacedBroadcast[],
  announce: (delivered: number, next: number) => string,
): Sequel {
  let version = seen?.version ?? null;
  let seq = seen?.seq ?? 0;
  let place = -1;
  const kept: PlacedBroadcast[] = [];
  for (const event of events) {
    // Several broadcasts of one change share its version and place.
    if (event.version !== null && !(event.version === version && event.at === place)) {
      if (version !== null && event.version <= version) continue;
      if (version !== null && event.version > version + 1)
        kept.push({ packet: announce(version, event.version), version: event.version, except: null, at: event.at });
      version = event.version;
      place = event.at;
      if (event.packet.startsWith(newMessage)) seq += 1;
    }
    kept.push(event);
  }
  return { events: kept, version: version ?? 0, seq };
}

const newMessage = '["new_message"';
const seqField = ',"seq":';

/** The seq of the newest new message, read from its text: within content a quote would be escaped. */
export function newestSeq(events: readonly PlacedBroadcast[]): number | null {
  const packet = events.findLast((event) => event.packet.startsWith(newMessage))?.packet ?? '';
  const at = packet.indexOf(seqField);
  return at === -1 ? null : Number.parseInt(packet.slice(at + seqField.length, at + seqField.length + 16), 10);
}
