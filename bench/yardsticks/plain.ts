/** Yardstick: plain Socket.IO that stores nothing. Its seq is a number in memory; a restart forgets everything. */
import { uuidv7 } from 'uuidv7';
import { yardstickSettings } from '../environment.js';
import { messageOf } from './message.js';
import { serve } from './server.js';

/** One entry per room of the bench. */
const lastSeq = new Map<string, number>();

serve(
  yardstickSettings(),
  (caller, request, done) => {
    const seq = (lastSeq.get(request.room_id) ?? 0) + 1;
    lastSeq.set(request.room_id, seq);
    done(messageOf(caller, request, uuidv7(), seq, new Date()));
  },
  () => Promise.resolve(),
);
