/**
 * Refusals of the transport's own HTTP requests, polling or upgrade, in the envelope that REST has too. What the engine itself
 * refuses (an unknown transport or session, another protocol) is answered from its `connection_error`, which comes before
 * its own answer: that is left out where an answer was given.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Server } from 'socket.io';
import { reject, type Rejection } from '../actors/rejections.js';

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

/**
 * @param res what the engine passes: on upgrades a stand-in for the response that cannot answer, or nothing
 * @param headers more of them, names in lower case
 */
export function refuseRequest(
  req: IncomingMessage,
  res: unknown,
  status: number,
  { code, message }: Rejection,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ success: false, message, code });
  const said = { 'content-type': 'application/json', ...headers };
  if (res instanceof ServerResponse) {
    res.writeHead(status, said).end(body);
    return;
  }
  const lines = Object.entries(said).map(([name, value]) => `${name}: ${value}\r\n`);
  req.socket.on('error', () => undefined);
  req.socket.end(
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Error'}\r\nconnection: close\r\n${lines.join('')}` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const methods: readonly (string | undefined)[] = ['GET', 'POST', 'OPTIONS'];

/** A middleware of the engine, which answers 500 to other methods as if they were the service's fault. */
export function refuseOtherMethods(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  // Upgrades are GET by their nature.
  if (methods.includes(req.method)) next();
  else refuseRequest(req, res, 404, reject('NOT_FOUND'), { allow: methods.join(', ') });
}

/** The engine's code for what `allowRequest` refuses; all others are requests that no client makes. */
const forbidden = 4;

export function answerRefusals(engine: Server['engine']): void {
  engine.on('connection_error', (refused: { req: IncomingMessage; code: number; message: string }) => {
    const { req, code, message } = refused;
    const res: unknown = 'res' in req ? req.res : null;
    if (code === forbidden) refuseRequest(req, res, 403, reject('FORBIDDEN'));
    else refuseRequest(req, res, 400, reject('MALFORMED', message));
  });
}
