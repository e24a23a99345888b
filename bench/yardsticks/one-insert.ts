/**
 * Yardstick: Socket.IO with one INSERT per message: stored with `synchronous_commit = on`, then emitted and acked. Rooms run
 * beside each other, the messages of a room one after the other: left to the row lock alone, replies of different
 * connections are read in either order and the room sees its messages out of order. In trials the queue was also a little
 * faster where several rooms are busy (fewer waits for row locks), and slower in a single room.
 */
import { readFileSync } from 'node:fs';
import { Pool, types } from 'pg';
import { uuidv7 } from 'uuidv7';
import { yardstickSettings } from '../environment.js';
import { packageRoot } from '../root.js';
import { messageOf } from './message.js';
import { serve } from './server.js';

/** More gave nothing in trials with 8 to 80. */
const connections = 16;

const { port, secret, database } = yardstickSettings();
const text = readFileSync(`${packageRoot}/bench/sql/one-insert.sql`, 'utf8');
types.setTypeParser(types.builtins.INT8, Number);

const pool = new Pool({
  host: database.host,
  port: database.port,
  user: database.user,
  database: database.database,
  ...(database.password !== null && { password: database.password }),
  max: connections,
  min: connections,
  options: '-c synchronous_commit=on',
});
pool.on('error', (error) => {
  console.error(error.message);
});

/** The last message of each room under way; a room without any has no entry. */
const tails = new Map<string, Promise<void>>();

async function store(values: readonly unknown[]): Promise<number | null> {
  try {
    const { rows } = await pool.query<{ seq: number }>({ name: 'one-insert', text, values: [...values] });
    return rows[0]?.seq ?? null;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return null;
  }
}

serve(
  { port, secret, database },
  (caller, request, done) => {
    const { room_id, content, client_msg_id } = request;
    const id = uuidv7();
    const now = new Date();
    const before = tails.get(room_id) ?? Promise.resolve();
    const tail = before.then(async () => {
      const seq = await store([room_id, id, caller.userId, caller.username, content, client_msg_id ?? null, now]);
      if (tails.get(room_id) === tail) tails.delete(room_id);
      done(seq === null ? null : messageOf(caller, request, id, seq, now));
    });
    tails.set(room_id, tail);
  },
  () => pool.end(),
);
