/** Refuses what never becomes a request, since the HTTP parser gave it up, in the envelope of every other refusal. */
import { ServerResponse, type Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { reject, type Rejection } from '../actors/rejections.js';

type Answer = readonly [status: string, rejection: Rejection];

const malformed: Answer = ['400 Bad Request', reject('MALFORMED')];

/** By the code of the parser's error; all others are `malformed`. */
const answers: Readonly<Record<string, Answer>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', reject('MALFORMED', 'The request did not arrive in time')],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Content Too Large', reject('TOO_LARGE')],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', reject('TOO_LARGE', 'The headers are too large')],
};

/** To be called once per server; each such connection ends with its answer. */
export function refuseUnparsable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || answering(socket)) {
      socket.destroy();
      return;
    }
    const [status, { code, message }] = answers[error.code ?? ''] ?? malformed;
    const body = JSON.stringify({ success: false, message, code });
    socket.write(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    if (socket instanceof Socket) socket.destroySoon();
    else socket.end();
  });
}

/** Whether a part of another answer is out on the connection already: a second one would be taken for more of it. */
function answering(socket: Duplex): boolean {
  return '_httpMessage' in socket && socket._httpMessage instanceof ServerResponse && socket._httpMessage.headersSent;
}
