/**
 * Yardstick: the classical layered service. Each message is stored by one INSERT, written to the room's recent messages in
 * Redis, and published to RabbitMQ twice (for the other services, for notifications); then it is emitted and acked. Written
 * for speed as far as that shape allows: within a room only the INSERTs follow each other, the cache and the broker work on
 * several messages of a room at once, and each message waits for its own confirms alone.
 */
import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import { yardstickSettings } from '../environment.js';
import { openEvents } from './events.js';
import { messageOf, type ChatMessage } from './message.js';
import { openRecent } from './recent.js';
import { RoomQueue } from './room-queue.js';
import { openRows } from './rows.js';
import { serve } from './server.js';

const settings = yardstickSettings();
/** Tells what this process leaves in shared servers from everything else there. */
const name = `dinguscord-bench-${randomBytes(8).toString('hex')}`;
const rows = openRows(settings.database);
const [recent, events] = await Promise.all([
  openRecent(settings.neighbours.redis, name),
  openEvents(settings.neighbours.rabbitmq, name),
]);
const inserts = new RoomQueue();
const emits = new RoomQueue();

/** False, after a line on stderr, when the cache or the broker did not take it. */
async function tell(message: ChatMessage): Promise<boolean> {
  try {
    const { id, room_id, sender_id } = message;
    const timestamp = message.created_at;
    await Promise.all([
      recent.add(room_id, JSON.stringify(message)),
      events.publish('message.room.sent', { eventId: id, timestamp, message }),
      events.publish('notification.message.new', { eventId: `${id}:new`, timestamp, room_id, sender_id, message }),
    ]);
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

serve(
  settings,
  (caller, request, done) => {
    const { room_id } = request;
    const id = uuidv7();
    const now = new Date();
    inserts.run(room_id, async () => {
      const seq = await rows.insert(caller, request, id, now);
      const message = seq === null ? null : messageOf(caller, request, id, seq, now);
      const told = message !== null && tell(message);
      emits.run(room_id, async () => {
        done((await told) ? message : null);
      });
    });
  },
  async () => {
    await Promise.all([rows.close(), recent.close(), events.close()]);
  },
);
