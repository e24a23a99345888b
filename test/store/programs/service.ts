/**
 * A service as far as its store goes: opens the store of its environment and writes messages into room `r` until it is killed.
 * Says the seq of each message once it is committed.
 */
import { pino } from 'pino';
import { readConfig } from '../../../src/config.js';
import { openStore } from '../../../src/runtime/store/store.js';
import { acquire, TestRoom, writerOn } from '../rooms.js';

try {
  const { connection } = await openStore(readConfig(), pino({ level: 'silent' }));
  const writer = writerOn(connection, 'service');
  const fences = await acquire(writer, [0]);
  const [snapshot] = await writer.snapshots(['r'], 1);
  const room = new TestRoom('r');
  room.messages.length = snapshot?.lastSeq ?? 0;
  room.version = snapshot?.lastVersion ?? 0;
  process.stdout.write(`open ${room.lastSeq}\n`);
  for (;;) {
    await writer.append(room.frame(fences, [{}]));
    process.stdout.write(`committed ${room.lastSeq}\n`);
  }
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
