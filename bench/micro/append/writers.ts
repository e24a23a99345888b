/**
 * Ways to make the messages of a frame durable, `synchronous_commit = on`, one frame after the other. All but the service's
 * own write rows and nothing else: neither does a room get its place by them, nor is a former owner kept out.
 */
import { readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Message } from '../../../src/actors/protocol/message.js';
import { createLog } from '../../../src/observe/log.js';
import { partitionOf } from '../../../src/runtime/placement.js';
import { plainArray, textArray } from '../../../src/runtime/store/postgres/arrays.js';
import { clientConfig } from '../../../src/runtime/store/postgres/connection.js';
import { createWriter } from '../../../src/runtime/store/postgres/writer.js';
import type { Fence, RoomStep } from '../../../src/runtime/store/port.js';
import type { Database } from '../../environment.js';
import { packageRoot } from '../../root.js';
import { copyText } from './copy-text.js';

export const writerNames = ['append', 'inserts', 'unnest', 'copy'] as const;
export type WriterName = (typeof writerNames)[number];

export interface RowWriter {
  /** Resolves once the messages are committed. */
  store(messages: readonly Message[]): Promise<void>;
  close(): Promise<void>;
}

/** As the service has it by default. */
export const partitions = 64;
const deadlineMs = 20_000;
/** Of the INSERTs of a frame so many run beside each other and share their flushes; as in the yardstick of that name. */
const connections = 16;

const text = (name: string): string => readFileSync(`${packageRoot}/bench/sql/${name}.sql`, 'utf8');

export function openWriter(name: WriterName, database: Database): Promise<RowWriter> {
  switch (name) {
    case 'append':
      return openAppend(database);
    case 'inserts':
      return openInserts(database);
    case 'unnest':
      return openUnnest(database);
    case 'copy':
      return openCopy(database);
  }
}

async function openAppend(connection: Database): Promise<RowWriter> {
  const log = createLog('warn', 'bench');
  const writer = createWriter({ connection, name: 'bench append', deadlineMs, node: 'bench', partitions, log });
  await writer.connect(new AbortController().signal);
  const all = await writer.claim(
    Array.from({ length: partitions }, (_, partition) => partition),
    true,
  );
  if (all.length !== partitions) throw new Error('not all partitions could be claimed');
  return {
    store: (created) => {
      const rooms = new Map<string, RoomStep>();
      const fences = new Map<number, Fence>();
      for (const { key, seq, version } of created) {
        const before = rooms.get(key);
        const partition = before?.partition ?? partitionOf(key, partitions);
        const { fromSeq, fromVersion } = before ?? { fromSeq: seq - 1, fromVersion: version - 1 };
        rooms.set(key, { key, partition, fromSeq, fromVersion, toSeq: seq, toVersion: version });
        const fence = all[partition];
        if (before === undefined && fence !== undefined) fences.set(partition, fence);
      }
      return writer.append({
        fences: [...fences.values()],
        rooms: [...rooms.values()],
        created,
        changed: [],
        receipts: [],
      });
    },
    close: () => writer.release(),
  };
}

/** The connection of the other writers; they get no settings of the planner, which would change nothing for them. */
function settings(database: Database): pg.ClientConfig {
  return clientConfig(database, { name: 'bench append', server: { synchronous_commit: 'on' } });
}

async function openInserts(database: Database): Promise<RowWriter> {
  const pool = new pg.Pool({ ...settings(database), max: connections, min: connections });
  const insert = text('insert-message');
  // All connections are there before anything is measured.
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  for (const client of clients) client.release();
  return {
    store: async (messages) => {
      await Promise.all(messages.map((m) => pool.query({ name: 'insert', text: insert, values: valuesOf(m) })));
    },
    close: () => pool.end(),
  };
}

function valuesOf(m: Message): unknown[] {
  return [
    ...[m.key, m.seq, m.id, m.version, m.senderId, m.senderName, m.senderDisplayName, m.receiverId, m.content],
    ...[m.messageType, m.clientMsgId, m.replyTo, m.metadata, m.createdAt, m.editedAt, m.deletedAt],
  ];
}

async function openUnnest(database: Database): Promise<RowWriter> {
  const client = new pg.Client(settings(database));
  await client.connect();
  const insert = text('insert-unnest');
  return {
    store: async (messages) => {
      const values = [
        textArray(messages.map(({ key }) => key)),
        plainArray(messages.map(({ seq }) => seq)),
        textArray(messages.map(({ id }) => id)),
        plainArray(messages.map(({ version }) => version)),
        textArray(messages.map(({ senderId }) => senderId)),
        textArray(messages.map(({ senderName }) => senderName)),
        textArray(messages.map(({ senderDisplayName }) => senderDisplayName)),
        textArray(messages.map(({ receiverId }) => receiverId)),
        textArray(messages.map(({ content }) => content)),
        textArray(messages.map(({ messageType }) => messageType)),
        textArray(messages.map(({ clientMsgId }) => clientMsgId)),
        textArray(messages.map(({ replyTo }) => replyTo)),
        textArray(messages.map(({ metadata }) => metadata)),
        plainArray(messages.map(({ createdAt }) => createdAt)),
        plainArray(messages.map(({ editedAt }) => editedAt)),
        plainArray(messages.map(({ deletedAt }) => deletedAt)),
      ];
      await client.query({ name: 'unnest', text: insert, values });
    },
    close: () => client.end(),
  };
}

async function openCopy(database: Database): Promise<RowWriter> {
  const client = new pg.Client(settings(database));
  await client.connect();
  const copy = text('copy-messages');
  return {
    store: async (messages) => {
      const into = client.query(copyFrom(copy));
      into.end(Buffer.from(copyText(messages)));
      await finished(into);
      if (into.rowCount !== messages.length) throw new Error(`COPY took ${into.rowCount} of ${messages.length} rows`);
    },
    close: () => client.end(),
  };
}
