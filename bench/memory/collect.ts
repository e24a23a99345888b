/**
 * Preloaded into the servers in the memory and the idle-sockets case only (`--import`): on SIGUSR2 every thread collects its
 * garbage. It lets the bench tell memory in use from memory not yet collected; the figures without it are recorded beside.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const channel = new BroadcastChannel('dinguscord-bench-collect');
// Worker threads must be able to end with this channel open.
channel.unref();

function collectTwice(): void {
  // Objects with finalizers are only freed by the collection after the one that found them dead.
  collect();
  collect();
}

if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('collect');
    collectTwice();
  });
} else {
  channel.onmessage = collectTwice;
}
