/**
 * How a connection ends after an answer that says `Connection: close` (RFC 9112, 9.6).
 *
 * A socket that is closed while bytes lie unread in it resets its connection, and the reset makes the other side throw away
 * the answer that it has received but not read: the refusal of a large body would come only to quick clients. So our side
 * alone is closed first. What still arrives is thrown away, unparsed, until the client closes its side too or a bound is met.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface LingeringClose {
  /** The longest that a client may take to close its side. */
  readonly ms: number;
  /** Most bytes that are thrown away. */
  readonly bytes: number;
}

/** To be called before anything listens to the server's connections. */
export function closeLingering(server: Server, bounds: LingeringClose): void {
  server.on('connection', (socket) => {
    let lingering = false;
    // What the server calls once the last answer of a connection is written.
    socket.destroySoon = () => {
      if (lingering) return;
      lingering = true;
      linger(socket, bounds);
    };
  });
}

function linger(socket: Socket, { ms, bytes }: LingeringClose): void {
  if (socket.destroyed) return;
  socket.end();
  const timer = setTimeout(() => socket.destroy(), ms);
  socket.once('close', () => clearTimeout(timer));
  // A parser whose reader was slow has stopped the socket, and only its own listener of this event starts it again.
  socket
    .pause()
    .once('resume', () => discard(socket, bytes))
    .resume();
}

/** Takes the socket's bytes from the HTTP parser: what follows the last answer is no request. */
function discard(socket: Socket, bytes: number): void {
  let left = bytes;
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
}
