/**
 * One engine.io connection as the fan-out sees it, and the only place that touches internals of engine.io and ws:
 * - engine.io's packet option `wsPreEncodedFrame` (made for Socket.IO's own adapter) passes bytes to the WebSocket as they
 *   are. Since they go through the connection's write buffer, nothing of engine.io or Socket.IO overtakes or tears them.
 * - its `writeBuffer` is replaced at each flush, so what is parked in it can be counted without looking at it.
 * test/ws/internals.test.ts fails when an upgrade changes any of this; a connection without these ways gets ordinary packets.
 */
import type { Server, Socket } from 'socket.io';
import type { WriteOptions } from './burst.js';

/** The engine.io connection of a socket. */
export type Connection = Socket['conn'];

/** All connections, those that have not finished their handshake too: the engine's `clients`, which its documentation lists. */
export function connectionsOf(engine: Server['engine']): readonly Connection[] {
  return Object.values(Reflect.get(engine, 'clients') as Readonly<Record<string, Connection>>);
}

/** A WebSocket of `ws` that can be given frames. */
interface FrameSocket {
  /** Bytes given to it and not yet taken by the kernel. */
  readonly bufferedAmount: number;
  /** 3 is closed. */
  readonly readyState: number;
  terminate(): void;
  once(event: 'close', listener: () => void): unknown;
}

function frameSocketOf(transport: object): FrameSocket | null {
  if (!('name' in transport) || transport.name !== 'websocket') return null;
  if ('perMessageDeflate' in transport && Boolean(transport.perMessageDeflate)) return null;
  return 'socket' in transport && isFrameSocket(transport.socket) ? transport.socket : null;
}

function isFrameSocket(value: unknown): value is FrameSocket {
  if (typeof value !== 'object' || value === null || !('_sender' in value) || !('bufferedAmount' in value))
    return false;
  const sender = value._sender;
  return (
    typeof sender === 'object' && sender !== null && 'sendFrame' in sender && typeof sender.sendFrame === 'function'
  );
}

interface Buffering {
  readonly writeBuffer: readonly unknown[];
}

function isBuffering(value: object): value is Buffering {
  return 'writeBuffer' in value && Array.isArray(value.writeBuffer);
}

export class Wire {
  readonly #conn: Connection;
  readonly #buffering: Buffering | null;
  #transport: object | null = null;
  #socket: FrameSocket | null = null;
  /** The write buffer that `#parked` counts the bytes of. */
  #counted: readonly unknown[] | null = null;
  #parked = 0;

  constructor(conn: Connection) {
    this.#conn = conn;
    const plain: object = conn;
    this.#buffering = isBuffering(plain) ? plain : null;
  }

  get open(): boolean {
    return this.#conn.readyState === 'open';
  }

  /** Whether frames can be written. A connection never goes back from a WebSocket to polling. */
  get takesFrames(): boolean {
    if (this.#conn.transport !== this.#transport) {
      this.#transport = this.#conn.transport;
      this.#socket = frameSocketOf(this.#conn.transport);
    }
    return this.#socket !== null;
  }

  /** Bytes written and not yet taken by the kernel (or, when polling, not yet fetched). */
  get pending(): number {
    const buffered = this.takesFrames && this.#socket !== null ? this.#socket.bufferedAmount : 0;
    return buffered + (this.#buffering?.writeBuffer === this.#counted ? this.#parked : 0);
  }

  writeFrames(options: WriteOptions): void {
    this.#conn.write('', options);
    let size = 0;
    for (const part of options.wsPreEncodedFrame) size += part.length;
    this.#park(size);
  }

  writePacket(packet: string): void {
    this.#conn.write(packet, { compress: false });
    this.#park(packet.length);
  }

  /** Sends what is written, then closes; the client sees a lost connection and comes back by itself. */
  close(): void {
    this.#conn.close();
  }

  /** Resolves when all that was written is out; a polling client has it for sure once it comes again. */
  taken(): Promise<void> {
    const conn = this.#conn;
    return new Promise((resolve) => {
      const written = (): void => {
        if (conn.transport.writable) resolve();
        else conn.transport.once('ready', resolve);
      };
      conn.once('close', resolve);
      if (conn.readyState === 'closed') resolve();
      else if ((this.#buffering?.writeBuffer.length ?? 0) === 0) written();
      else conn.once('drain', written);
    });
  }

  /** Resolves when nothing of the connection is left, the TCP connection of a WebSocket included. */
  closed(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.takesFrames ? this.#socket : null;
      if (socket === null ? this.#conn.readyState === 'closed' : socket.readyState === 3) resolve();
      else if (socket === null) this.#conn.once('close', resolve);
      else socket.once('close', resolve);
    });
  }

  /** Closes at once, whatever is unsent. The engine forgets a WebSocket before its peer has agreed to close; this does not. */
  terminate(): void {
    if (this.takesFrames) this.#socket?.terminate();
    else if (this.#conn.readyState !== 'closed') this.#conn.close(true);
  }

  #park(size: number): void {
    const buffer = this.#buffering?.writeBuffer ?? null;
    if (buffer === null || buffer.length === 0) {
      // All is out: a buffer that was counted before is not kept from the collector.
      this.#counted = null;
      return;
    }
    if (buffer !== this.#counted) {
      this.#counted = buffer;
      this.#parked = 0;
    }
    this.#parked += size;
  }
}
