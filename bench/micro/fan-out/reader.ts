/**
 * The readers' process: all sockets of the room, on raw frames. It counts, checks the order, and tells the server's process how
 * far it is, which is what keeps that one from running ahead without bound.
 */
import { Connection } from '../../load/connection.js';
import { digits, eventOf, firstNumber, head } from './events.js';

/** Server → reader. */
export type ToReader =
  | {
      readonly type: 'open';
      readonly port: number;
      readonly path: string;
      readonly sockets: number;
      readonly step: number;
    }
  /** Say now how far you are. */
  | { readonly type: 'ask' };

/** Reader → server. */
export interface Progress {
  readonly type: 'ready' | 'progress' | 'answer';
  /** Events read, over all sockets. */
  readonly received: number;
  /** Seconds of CPU used so far. */
  readonly cpu: number;
  /** Events that did not follow the one before, or are not what was sent; sockets that were closed. */
  readonly disorder: number;
  readonly wrong: number;
  readonly closed: number;
}

/** Of so many sockets one checks the number of every event, and each `parseEach`th event in full. */
const checkedOf = 10;
const parseEach = 256;
const start = Buffer.from(head);
const four = 0x34;
const two = 0x32;
const zero = 0x30;

let received = 0;
let nextReport = Infinity;
let step = Infinity;
let disorder = 0;
let wrong = 0;
let closed = 0;

function tell(type: Progress['type']): void {
  const { user, system } = process.cpuUsage();
  const progress: Progress = { type, received, cpu: (user + system) / 1e6, disorder, wrong, closed };
  process.send?.(progress);
}

/** The listener of one socket. */
function listener(checked: boolean, welcomed: () => void): (buffer: Buffer, from: number, to: number) => void {
  let last = firstNumber - 1;
  return (buffer, from, to) => {
    if (buffer[from] !== four || buffer[from + 1] !== two) {
      // engine.io's open packet, Socket.IO's welcome or a ping.
      if (buffer[from] === four) welcomed();
      return;
    }
    received += 1;
    if (checked) {
      let number = 0;
      const at = from + start.length;
      for (let i = 0; i < digits; i += 1) number = number * 10 + (buffer[at + i] ?? 0) - zero;
      if (number !== last + 1) disorder += 1;
      last = number;
      if (number % parseEach === 0 && !isWhole(buffer.toString('utf8', from + 2, to), number)) wrong += 1;
    }
    if (received >= nextReport) {
      nextReport += step;
      tell('progress');
    }
  };
}

function isWhole(packet: string, number: number): boolean {
  return packet === JSON.stringify(['new_message', eventOf(number - firstNumber)]);
}

async function open({ port, path, sockets, step: each }: Extract<ToReader, { type: 'open' }>): Promise<void> {
  step = each;
  nextReport = step;
  for (let i = 0; i < sockets; i += 1) {
    let welcomed = (): void => undefined;
    const welcome = new Promise<void>((resolve) => (welcomed = resolve));
    const connection = await Connection.open(
      port,
      path,
      listener(i % checkedOf === 0, () => welcomed()),
      () => (closed += 1),
    );
    if (path !== '/') {
      connection.send('40');
      await welcome;
    }
  }
  tell('ready');
}

process.on('message', (message: ToReader) => {
  if (message.type === 'ask') tell('answer');
  else
    open(message).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
process.once('disconnect', () => process.exit(0));
