/** `node scripts/reachable.mjs host port [seconds]`: exit 0 as soon as the port accepts a connection, 1 if it does not in time. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const [host, port, seconds = '1'] = process.argv.slice(2);
const until = Date.now() + Number(seconds) * 1000;

function accepts() {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 1000 });
    const end = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

do {
  if (await accepts()) process.exit(0);
  await delay(200);
} while (Date.now() < until);
process.exit(1);
