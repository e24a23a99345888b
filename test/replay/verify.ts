/**
 * After a replay: does the store hold exactly what was acked, in order and unchanged; has every client that stayed heard
 * everything; and does one that lost its connection catch up exactly? All it finds goes into the ledger as violations.
 */
import { checkHistory, checkPromises } from '../harness/laws.js';
import { RestClient } from '../harness/rest.js';
import { tokenFor } from '../harness/token.js';
import type { WireMessage } from '../harness/wire.js';
import type { Acked, Ledger } from './ledger.js';
import type { Speaker, Venue } from './speaker.js';

/** How long a client may take to hear what was acked already. */
const hearingMs = 30_000;
/** Clients whose connection is broken for the catch-up. */
const reconnecting = 5;
/** How far back they are set: within the service's default bound of a catch-up (500). */
const behind = 200;

/** Checks everything; the answer is the history's length. */
export async function verify(venue: Venue, ledger: Ledger, present: readonly Speaker[]): Promise<number> {
  await everyoneHeard(venue, ledger, present);
  const judge = new RestClient(venue.url, 'replay-judge', tokenFor('replay-judge', { secret: venue.secret }));
  const { messages, total } = await judge.history(venue.room);
  checkStored(venue.room, ledger, messages, total);
  for (const speaker of present.slice(0, reconnecting)) {
    speaker.drop();
    speaker.rewind(Math.max(0, ledger.head - behind));
    await speaker.join();
  }
  await everyoneHeard(venue, ledger, present.slice(0, reconnecting));
  return messages.length;
}

/** Holds the stored history against what was acked and heard. */
export function checkStored(room: string, ledger: Ledger, messages: readonly WireMessage[], total: number): void {
  for (const message of messages) ledger.saw(room, message);
  for (const violation of checkHistory(room, messages, total)) ledger.fault(violation);
  for (const violation of checkPromises(room, ledger.acked, messages)) ledger.fault(violation);
  const extra = messages.length - ledger.acked.length;
  if (extra > 0) ledger.fault({ room, fault: 'doubled', detail: `${extra} more messages are stored than were acked` });
  for (const violation of checkOrder(room, ledger.acked)) ledger.fault(violation);
}

/** Each nick's own lines keep their order: it said each only after the last was acked. */
function checkOrder(room: string, acked: readonly Acked[]): { room: string; fault: 'disorder'; detail: string }[] {
  const last = new Map<string, number>();
  const faults: { room: string; fault: 'disorder'; detail: string }[] = [];
  for (const { nick, seq, id } of acked) {
    if (seq <= (last.get(nick) ?? 0))
      faults.push({ room, fault: 'disorder', detail: `${id} lies before an earlier line of its nick` });
    last.set(nick, seq);
  }
  return faults;
}

async function everyoneHeard(venue: Venue, ledger: Ledger, present: readonly Speaker[]): Promise<void> {
  await Promise.all(
    present.map(async (speaker) => {
      if (await speaker.heardUpTo(ledger.head, hearingMs)) return;
      const detail = `a client heard up to seq ${speaker.seq} of ${ledger.head}`;
      ledger.fault({ room: venue.room, fault: 'lost', detail });
    }),
  );
}
