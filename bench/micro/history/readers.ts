/** Ways to read a conversation, one request after the other, each answer checked now and then in full. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { clientConfig, keyedLookups } from '../../../src/runtime/store/postgres/connection.js';
import type { Database } from '../../environment.js';
import { packageRoot } from '../../root.js';
import { sign } from '../../token.js';
import { HttpConnection } from './http.js';
import { Joiner } from './joiner.js';
import { cold, long, pageSize, userOf, wrongPage, type HistorySizes } from './rooms.js';

export const readerNames = ['recent', 'deep', 'cold', 'cold-sql', 'join', 'cold-join'] as const;
export type ReaderName = (typeof readerNames)[number];

export interface Source extends HistorySizes {
  readonly port: number;
  readonly secret: string;
  /** Only for SQL past the service. */
  readonly database: Database;
}

/** One of several that read beside each other. */
export interface Reader {
  /** One request. Resolves with a check of its answer; with null when every room that it may ask for was asked for. */
  read(): Promise<(() => string | null) | null>;
  /** What is not measured: leaving the room again. */
  after?(): Promise<void>;
  close(): Promise<void> | void;
}

/** Opens `count` readers; what they share is which of the cold rooms comes next. */
export async function openReaders(name: ReaderName, count: number, source: Source): Promise<readonly Reader[]> {
  let next = 0;
  const coldRoom = (): string | null => (next < source.coldRooms ? `${cold.prefix}${next++}` : null);
  const open = (i: number): Promise<Reader> => {
    switch (name) {
      case 'recent':
      case 'deep':
        return openPages(source, i, name === 'deep');
      case 'cold':
        return openColdPages(source, i, coldRoom);
      case 'cold-sql':
        return openSql(source.database, coldRoom);
      case 'join':
      case 'cold-join':
        return openJoins(source, i, name === 'join' ? () => `${cold.prefix}${i}` : coldRoom);
    }
  };
  return Promise.all(Array.from({ length: count }, (_, i) => open(i)));
}

const token = ({ secret }: Source, i: number): string => sign(userOf(i), secret);

/** Pages of the long room, in which a socket of the first reader sits: the newest, or one in the middle. */
async function openPages(source: Source, i: number, deep: boolean): Promise<Reader> {
  const joiner = i === 0 ? await Joiner.open(source.port, token(source, i)) : null;
  await joiner?.join(long.key);
  const http = await HttpConnection.open(source.port, token(source, i));
  const { longMessages } = source;
  return {
    read: async () => {
      const before = Math.floor(longMessages / 4 + (Math.random() * longMessages) / 2) + 1;
      const query = `limit=${pageSize}${deep ? `&before=${before}` : ''}`;
      const { status, body } = await http.get(`/messages/room/${long.key}?${query}`);
      if (status !== 200) throw new Error(`${status} ${body.slice(0, 300)}`);
      return () => wrongPage(dataOf(body), long.key, deep ? before - 1 : longMessages);
    },
    close: () => {
      http.close();
      joiner?.close();
    },
  };
}

function dataOf(body: string): unknown {
  return (JSON.parse(body) as { readonly data: unknown }).data;
}

async function openColdPages(source: Source, i: number, room: () => string | null): Promise<Reader> {
  const http = await HttpConnection.open(source.port, token(source, i));
  return {
    read: async () => {
      const key = room();
      if (key === null) return null;
      const { status, body } = await http.get(`/messages/room/${key}?limit=${pageSize}`);
      if (status !== 200) throw new Error(`${status} ${body.slice(0, 300)}`);
      return () => wrongPage(dataOf(body), key, cold.messages);
    },
    close: () => http.close(),
  };
}

/** The service's own statement of a page, and nothing between it and the reader. */
async function openSql(database: Database, room: () => string | null): Promise<Reader> {
  const client = new pg.Client(clientConfig(database, { name: 'bench history', server: keyedLookups }));
  await client.connect();
  const text = readFileSync(`${packageRoot}/sql/queries/page.sql`, 'utf8');
  return {
    read: async () => {
      const key = room();
      if (key === null) return null;
      const { rows } = await client.query<{ messages: readonly (readonly unknown[])[] | null }>({
        name: 'page',
        text,
        values: [key, pageSize, 'offset', 0],
      });
      const messages = rows[0]?.messages ?? [];
      return () => (messages.length === pageSize ? null : `${key}: ${messages.length} rows`);
    },
    close: () => client.end(),
  };
}

async function openJoins(source: Source, i: number, room: () => string | null): Promise<Reader> {
  const joiner = await Joiner.open(source.port, token(source, i));
  let joined: string | null = null;
  return {
    read: async () => {
      const key = room();
      if (key === null) return null;
      const answers = await joiner.join(key);
      joined = key;
      return () => {
        const [answer] = JSON.parse(answers) as [{ readonly messages: unknown }];
        return wrongPage(answer.messages, key, cold.messages);
      };
    },
    after: async () => {
      if (joined !== null) await joiner.leave(joined);
    },
    close: () => joiner.close(),
  };
}
