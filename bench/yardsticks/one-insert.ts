/** Yardstick: Socket.IO with one INSERT per message: stored with `synchronous_commit = on`, then emitted and acked. */
import { readFileSync } from 'node:fs';
import { Pool, types } from 'pg';
import { uuidv7 } from 'uuidv7';
import { yardstickSettings } from '../environment.js';
import { packageRoot } from '../root.js';
import { messageOf } from './message.js';
import { serve } from './server.js';

/** More connections gave nothing in trials: in a room the row lock admits one at a time. */
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

serve(
  { port, secret, database },
  (caller, request, done) => {
    const id = uuidv7();
    const now = new Date();
    const values = [
      request.room_id,
      id,
      caller.userId,
      caller.username,
      request.content,
      request.client_msg_id ?? null,
      now,
    ];
    pool.query<{ seq: number }>({ name: 'one-insert', text, values }).then(
      ({ rows: [row] }) => {
        done(row === undefined ? null : messageOf(caller, request, id, row.seq, now));
      },
      (error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        done(null);
      },
    );
  },
  () => pool.end(),
);
