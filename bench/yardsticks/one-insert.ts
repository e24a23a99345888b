/**
 * Yardstick: Socket.IO with one INSERT per message: stored with `synchronous_commit = on`, then emitted and acked. Rooms run
 * beside each other, the messages of a room one after the other: left to the row lock alone, replies of different
 * connections are read in either order and the room sees its messages out of order. In trials the queue was also a little
 * faster where several rooms are busy (fewer waits for row locks), and slower in a single room.
 */
import { uuidv7 } from 'uuidv7';
import { yardstickSettings } from '../environment.js';
import { messageOf } from './message.js';
import { RoomQueue } from './room-queue.js';
import { openRows } from './rows.js';
import { serve } from './server.js';

const settings = yardstickSettings();
const rows = openRows(settings.database);
const queue = new RoomQueue();

serve(
  settings,
  (caller, request, done) => {
    const id = uuidv7();
    const now = new Date();
    queue.run(request.room_id, async () => {
      const seq = await rows.insert(caller, request, id, now);
      done(seq === null ? null : messageOf(caller, request, id, seq, now));
    });
  },
  () => rows.close(),
);
