/** Raw bytes over TCP, and the least of HTTP and WebSocket that it takes to say what no library would say. */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from './random.js';

/** An answer is over when nothing came for so long; it decides how fast this goes, and nothing else. */
const quietMs = 40;
/** Longest wait for something that a good session would get. */
const patienceMs = 2_000;
/** Bytes of answers kept per connection. */
const heardCapacity = 2_000_000;

export class Connection {
  readonly #socket: Socket;
  #heard = '';
  #heardAt = performance.now();
  #closed = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.setEncoding('latin1').on('data', (text: Buffer | string) => {
      this.#heardAt = performance.now();
      if (this.#heard.length < heardCapacity) this.#heard += text.toString();
    });
    // Being cut is what half of this is about.
    this.#socket.on('error', () => undefined).on('close', () => (this.#closed = true));
  }

  /** All that was answered, byte for character. */
  get heard(): string {
    return this.#heard;
  }

  get closed(): boolean {
    return this.#closed;
  }

  write(bytes: Buffer | string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Resolves once something such was heard: false when that does not happen. */
  async hears(such: RegExp): Promise<boolean> {
    const end = performance.now() + patienceMs;
    while (!such.test(this.#heard)) {
      if (this.#closed || performance.now() > end) return false;
      await pause(2);
    }
    return true;
  }

  /** Lets the answer come, then cuts the connection. */
  async finish(): Promise<string> {
    const from = performance.now();
    while (!this.#closed && performance.now() - Math.max(from, this.#heardAt) < quietMs) await pause(10);
    this.#socket.destroy();
    return this.#heard;
  }
}

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string | Buffer | null;
}

export function request({ method, path, headers, body }: RequestParts): Buffer {
  const bytes = body === null ? Buffer.alloc(0) : Buffer.from(body);
  const length = body === null ? [] : [`Content-Length: ${bytes.length}`];
  const head = [`${method} ${path} HTTP/1.1`, 'Host: fuzz', ...headers, ...length, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

export function upgrade(query: string): Buffer {
  const headers = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  return request({ method: 'GET', path: `/socket.io/?${query}`, headers, body: null });
}

export interface FrameShape {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly opcode?: number;
  readonly masked?: boolean;
  /** What the header says, whatever is true. */
  readonly length?: number;
}

/** A WebSocket frame from a client. */
export function frame(payload: Buffer, shape: FrameShape = {}, random: Random | null = null): Buffer {
  const { fin = true, rsv = 0, opcode = 1, masked = true, length = payload.length } = shape;
  const head: number[] = [(fin ? 0x80 : 0) | ((rsv & 7) << 4) | (opcode & 15)];
  const bit = masked ? 0x80 : 0;
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 255);
  else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(BigInt(length));
    head.push(bit | 127, ...long);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = random?.bytes(4) ?? Buffer.from([1, 2, 3, 4]);
  const body = Buffer.from(payload.map((byte, i) => byte ^ (mask[i & 3] ?? 0)));
  return Buffer.concat([Buffer.from(head), mask, body]);
}
