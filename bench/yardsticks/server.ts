/**
 * What all yardsticks share: a lean Socket.IO server with the authentication and the join of the service. They differ in
 * what `send_message` does before it answers. Written as one would write it by hand for speed: WebSocket only, no
 * compression, no connection state recovery, the in-memory adapter (which encodes a broadcast once for all sockets).
 */
import { createServer } from 'node:http';
import jwt from 'jsonwebtoken';
import { Server } from 'socket.io';
import type { YardstickSettings } from '../environment.js';
import type { ChatMessage } from './message.js';

export interface Caller {
  userId: string;
  username: string;
}

type Answer = (answer: object) => void;

interface ClientEvents {
  join_room: (data: { roomId: string }, answer: Answer) => void;
  send_message: (data: SendRequest, answer: Answer) => void;
}

interface ServerEvents {
  new_message: (message: ChatMessage) => void;
}

export interface SendRequest {
  readonly room_id: string;
  readonly content: string;
  readonly client_msg_id?: string;
}

/** Gives a valid message its place; what it resolves or calls back with is emitted to the room and acked. */
export type Accept = (caller: Caller, request: SendRequest, done: (message: ChatMessage | null) => void) => void;

type Events = Server<ClientEvents, ServerEvents, Record<string, never>, Caller>;

const contentMaxLength = 4000;

/** Serves until SIGTERM; GET /ready answers 200 as soon as it listens. */
export function serve(
  settings: Pick<YardstickSettings, 'port' | 'secret'>,
  accept: Accept,
  stop: () => Promise<void>,
): void {
  const http = createServer((_, response) => response.writeHead(200).end());
  const io: Events = new Server(http, {
    transports: ['websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    serveClient: false,
    maxHttpBufferSize: 65_536,
  });
  io.use((socket, next) => {
    const token: unknown = socket.handshake.auth['token'];
    if (typeof token !== 'string') {
      next(new Error('Not authenticated'));
      return;
    }
    try {
      const claims = jwt.verify(token, settings.secret, { algorithms: ['HS256'] }) as { id: string; username: string };
      socket.data.userId = claims.id;
      socket.data.username = claims.username;
      next();
    } catch {
      next(new Error('Not authenticated'));
    }
  });
  io.on('connection', (socket) => {
    socket.on('join_room', (data, answer) => {
      void socket.join(data.roomId);
      answer({ success: true });
    });
    socket.on('send_message', (data, answer) => {
      if (!isValid(data)) {
        answer({ success: false, error: 'The request is not valid', code: 'VALIDATION' });
        return;
      }
      accept(socket.data, data, (message) => {
        if (message === null) {
          answer({ success: false, error: 'Internal error', code: 'INTERNAL' });
          return;
        }
        io.to(data.room_id).emit('new_message', message);
        answer({ success: true, message });
      });
    });
  });
  http.listen(settings.port, '127.0.0.1');
  process.once('SIGTERM', () => {
    void io.close();
    http.closeAllConnections();
    void stop().then(() => process.exit(0));
  });
}

function isValid(data: SendRequest): boolean {
  return (
    typeof data === 'object' &&
    typeof data.room_id === 'string' &&
    data.room_id.length > 0 &&
    typeof data.content === 'string' &&
    data.content.length > 0 &&
    data.content.length <= contentMaxLength &&
    (data.client_msg_id === undefined || typeof data.client_msg_id === 'string')
  );
}
