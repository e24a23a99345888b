/** The methods of polling: engine.io answers 500 to any other, as if it were the service's fault. */
import { ServerResponse, type IncomingMessage } from 'node:http';
import { reject } from '../actors/rejections.js';

const methods: readonly (string | undefined)[] = ['GET', 'POST', 'OPTIONS'];

/** A middleware of the engine. */
export function refuseOtherMethods(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  // Upgrades are GET by their nature, and come with a stand-in for the response.
  if (methods.includes(req.method) || !(res instanceof ServerResponse)) {
    next();
    return;
  }
  const body = JSON.stringify({ success: false, message: reject('MALFORMED').message, code: 'MALFORMED' });
  res.writeHead(405, { 'content-type': 'application/json', allow: 'GET, POST, OPTIONS' }).end(body);
}
