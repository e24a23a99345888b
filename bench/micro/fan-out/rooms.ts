/**
 * Ways to give bursts of events to all sockets of a room. The raw ones know neither rooms nor protocol: they write frames
 * that were encoded once per burst to bare TCP sockets, which is the ceiling of everything above them.
 */
import { createServer, type Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server } from 'socket.io';
import { OutgoingBurst } from '../../../src/ws/fanout/burst.js';
import { encodeFrames } from '../../../src/ws/fanout/frames.js';
import { Flusher } from '../../../src/ws/fanout/flusher.js';
import { Outbox } from '../../../src/ws/fanout/outbox.js';
import { Wire } from '../../../src/ws/fanout/wire.js';
import { eventOf, packetOf, type Event } from './events.js';

export const roomNames = ['engine', 'emit', 'writes', 'corked', 'buffer'] as const;
export type RoomName = (typeof roomNames)[number];

export interface Room {
  readonly http: HttpServer;
  /** Where readers connect. */
  readonly path: string;
  /** Gives the events `from`, …, `from + count - 1` to all sockets. */
  give(from: number, count: number): void;
  close(): void;
}

/** Unsent bytes at which the service gives a socket up: out of the way, the readers keep up or the burst waits. */
const socketLimit = 64 * 1024 * 1024;

export function openRoom(name: RoomName): Room {
  switch (name) {
    case 'engine':
      return openEngine();
    case 'emit':
      return openEmit();
    case 'writes':
      return openRaw((socket, frames) => {
        for (const frame of frames) socket.write(frame);
      });
    case 'corked':
      return openRaw((socket, frames) => {
        socket.cork();
        for (const frame of frames) socket.write(frame);
        socket.uncork();
      });
    case 'buffer':
      return openRaw((socket, _, all) => socket.write(all));
  }
}

interface ServerEvents {
  new_message: (event: Event) => void;
}

type Io = Server<Record<string, never>, ServerEvents>;

/** As lean as in the yardsticks. */
function openIo(): { readonly http: HttpServer; readonly io: Io } {
  const http = createServer();
  const io: Io = new Server(http, {
    transports: ['websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
  });
  return { http, io };
}

const ioPath = '/socket.io/?EIO=4&transport=websocket';

/** The service's own: packets become frames once, and each socket gets one write per burst. */
function openEngine(): Room {
  const { http, io } = openIo();
  const flusher = new Flusher(() => undefined);
  const outboxes: Outbox[] = [];
  io.on('connection', (socket) => {
    const owner = {
      overflowed: () => {
        throw new Error('a reader fell behind');
      },
    };
    outboxes.push(new Outbox(new Wire(socket.conn), flusher, socketLimit, owner));
  });
  return {
    http,
    path: ioPath,
    give: (from, count) => {
      const events = numbers(from, count).map((number, at) => {
        const version = number + 1;
        return { packet: packetOf(number), version, except: null, at };
      });
      const burst = new OutgoingBurst('bench-room', events, from + count);
      for (const outbox of outboxes) outbox.push(burst.all);
      flusher.flushAll();
    },
    close: () => void io.close(),
  };
}

/** Plain Socket.IO: one emit to the room per event. */
function openEmit(): Room {
  const { http, io } = openIo();
  io.on('connection', (socket) => void socket.join('bench-room'));
  return {
    http,
    path: ioPath,
    give: (from, count) => {
      for (const number of numbers(from, count)) io.to('bench-room').emit('new_message', eventOf(number));
    },
    close: () => void io.close(),
  };
}

function openRaw(write: (socket: Duplex, frames: readonly Buffer[], all: Buffer) => void): Room {
  const http = createServer();
  const sockets = new Set<Duplex>();
  http.on('upgrade', (_, socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    sockets.add(socket);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  });
  return {
    http,
    path: '/',
    give: (from, count) => {
      const { bytes, offsets } = encodeFrames(numbers(from, count).map((number) => `2${packetOf(number)}`));
      const frames = numbers(0, count).map((at) => bytes.subarray(offsets[at], offsets[at + 1]));
      for (const socket of sockets) write(socket, frames, bytes);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      http.close();
    },
  };
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
