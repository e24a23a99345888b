/** One log through one service: parse, play, verify. */
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Ledger } from './ledger.js';
import { parseLog } from './parse.js';
import { Player, type Pace } from './player.js';
import { Progress, type Screen } from '../../bench/progress.js';
import type { Outcome } from './report.js';
import type { Venue } from './speaker.js';
import { verify } from './verify.js';

/**
 * @throws Error when the log cannot be read or the service does not answer any more
 */
export async function replay(file: string, venue: Venue, pace: Pace, screen: Screen): Promise<Outcome> {
  const log = basename(file, extname(file));
  const entries = parseLog(await readFile(file));
  const ledger = new Ledger();
  const player = new Player(log, venue, ledger, pace);
  const progress = new Progress(screen, log, entries.length);
  const played = await player.play(entries, (done) => {
    progress.at(done);
  });
  progress.end();
  try {
    const stored = await verify(venue, ledger, played.present);
    return { log, room: venue.room, entries: entries.length, played, ledger, stored };
  } finally {
    for (const speaker of played.present) speaker.drop();
  }
}
