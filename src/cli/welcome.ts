/** What the terminal says once the service listens in development: commands to try, complete enough to paste. */
import type { Config } from '../config.js';

/**
 * Text for the terminal; empty outside development, and where no token can be signed here. It holds no token itself.
 * @param port the port it listens on, which PORT=0 leaves to the system
 */
export function welcome(config: Pick<Config, 'nodeEnv' | 'jwtPublicKey' | 'httpBasePath'>, port: number): string {
  if (config.nodeEnv !== 'development' || config.jwtPublicKey !== null) return '';
  const url = `http://localhost:${port}`;
  const base = config.httpBasePath === '/' ? '' : config.httpBasePath;
  return `
  Dinguscord messages on ${url} (health ${url}/health, metrics ${url}/metrics)

  In another terminal, in this folder, send a message as alice and read the room:

    export TOKEN=$(npm run --silent token -- alice)
    curl -sw '\\n' ${url}${base === '' ? '/' : base} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
      -d '{"room_id":"lobby","content":"Hello"}'
    curl -sw '\\n' ${url}${base}/room/lobby -H "Authorization: Bearer $TOKEN"

  Then chat over Socket.IO, and send again with curl to see it arrive (Ctrl-C ends it):

    node --input-type=module -e "
      import { io } from 'socket.io-client';
      const socket = io('${url}', { auth: { token: process.argv[1] } });
      socket.on('new_message', (m) => console.log(m.seq, m.username, m.content));
      socket.emit('join_room', { roomId: 'lobby' });
      socket.emit('send_message', { room_id: 'lobby', content: 'Hello from a socket' });" "$TOKEN"

`;
}
