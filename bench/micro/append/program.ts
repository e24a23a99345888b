/** One writer, alone on its database: frames of one size, one after the other, and a look at what is stored. */
import { readFileSync } from 'node:fs';
import type { Measurement } from '../../child.js';
import type { Database } from '../../environment.js';
import { clientOf } from '../../postgres.js';
import { program } from '../../program.js';
import { packageRoot } from '../../root.js';
import type { Timing } from '../grid.js';
import { copyText } from './copy-text.js';
import { messageOf, Rows } from './rows.js';
import { openWriter, type WriterName } from './writers.js';

export interface AppendPlan extends Timing {
  readonly writer: WriterName;
  /** Messages per frame. */
  readonly size: number;
  readonly database: Database;
}

/** Rows and frames in the window; bytes of WAL of the whole server and ms of CPU of this process in it; bytes of a row as text. */
export type AppendFigure = 'windowMs' | 'frames' | 'rows' | 'walBytes' | 'cpuMs' | 'rowBytes';

/** Each so many'th message of a room is compared in full. */
const sampled = 16;

const sql = (name: string): string => readFileSync(`${packageRoot}/bench/sql/${name}.sql`, 'utf8');

async function append(plan: AppendPlan): Promise<Measurement<AppendFigure>> {
  const { size, database, warmupMs, windowMs } = plan;
  const rows = new Rows();
  const writer = await openWriter(plan.writer, database);
  const watch = clientOf(database);
  await watch.connect();
  const walPosition = async (): Promise<number> => {
    const { rows: found } = await watch.query<{ bytes: number }>(sql('wal-position'));
    return found[0]?.bytes ?? NaN;
  };
  const storeFor = async (ms: number): Promise<number> => {
    let frames = 0;
    for (const until = performance.now() + ms; performance.now() < until; frames += 1)
      await writer.store(rows.next(size));
    return frames;
  };
  await storeFor(warmupMs);
  const walBefore = await walPosition();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const frames = await storeFor(windowMs);
  const measuredMs = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  const walBytes = (await walPosition()) - walBefore;
  await writer.close();
  const faults = await differences(plan.writer, rows, watch);
  await watch.end();
  const one = messageOf('bench-room-0', 1_000, '018f0000-0000-7000-8000-000000000000', Date.now());
  return {
    figures: {
      windowMs: measuredMs,
      frames,
      rows: frames * size,
      walBytes,
      cpuMs: (cpu.user + cpu.system) / 1000,
      rowBytes: Buffer.byteLength(copyText([one])),
    },
    faults,
  };
}

interface StoredRoom {
  readonly room_key: string;
  readonly rows: string;
  readonly first: string;
  readonly last: string;
  readonly standing: string | null;
}

interface StoredMessage {
  readonly room_key: string;
  readonly seq: string;
  readonly id: string;
  readonly version: string;
  readonly sender_id: string;
  readonly sender_name: string;
  readonly content: string;
  readonly message_type: string;
  readonly client_msg_id: string;
  readonly created_at: number;
  readonly nulls: number;
}

/** Whether every room has exactly the seqs that it was given, and whether samples are what was written. */
async function differences(name: WriterName, { last }: Rows, client: ReturnType<typeof clientOf>): Promise<string[]> {
  const faults: string[] = [];
  const { rows: rooms } = await client.query<StoredRoom>(sql('stored-rooms'));
  if (rooms.length !== last.size) faults.push(`${rooms.length} of ${last.size} rooms are stored`);
  for (const { room_key: key, rows, first, last: newest, standing } of rooms) {
    const wanted = last.get(key);
    if (Number(rows) !== wanted || Number(first) !== 1 || Number(newest) !== wanted)
      faults.push(`${key}: ${rows} rows from ${first} to ${newest}, wanted ${wanted}`);
    if (name === 'append' && Number(standing) !== wanted) faults.push(`${key} stands at ${standing}, wanted ${wanted}`);
  }
  const { rows: samples } = await client.query<StoredMessage>(sql('stored-sample'), [sampled]);
  const wantedSamples = [...last.values()].reduce((sum, newest) => sum + Math.floor(newest / sampled), 0);
  if (samples.length !== wantedSamples) faults.push(`${samples.length} samples instead of ${wantedSamples}`);
  const wrong = samples.filter((row) => !isWhole(row));
  if (wrong.length > 0) faults.push(`${wrong.length} of ${samples.length} samples differ: ${JSON.stringify(wrong[0])}`);
  return faults;
}

function isWhole(row: StoredMessage): boolean {
  const seq = Number(row.seq);
  const wanted = messageOf(row.room_key, seq, row.id, row.created_at);
  return (
    Number(row.version) === seq &&
    row.sender_id === wanted.senderId &&
    row.sender_name === wanted.senderName &&
    row.content === wanted.content &&
    row.message_type === wanted.messageType &&
    row.client_msg_id === wanted.clientMsgId &&
    Math.abs(Date.now() - row.created_at) < 600_000 &&
    row.nulls === 6
  );
}

program(append);
