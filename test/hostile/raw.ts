/** Bytes on a wire: a TCP connection and raw engine.io frames over a WebSocket, for what no honest client library would send. */
import { connect, type Socket } from 'node:net';
import { WebSocket, type RawData } from 'ws';
import { generousMs, within } from '../harness/eventually.js';
import { tokenFor } from '../harness/token.js';

/** Sends bytes over TCP and collects what comes until the peer closes, or `enough` says so. */
export async function exchange(
  port: number,
  bytes: string | Uint8Array,
  enough: (text: string) => boolean = (text) => /\r\n\r\n/.test(text),
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  try {
    await within(
      new Promise<void>((resolve, reject) => {
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
          if (enough(text)) resolve();
        });
        socket.once('close', resolve);
        socket.once('error', reject);
        socket.once('connect', () => socket.write(bytes));
      }),
      'an answer on the wire',
    );
  } catch (error) {
    // A reset is an answer, too.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET' && (error as NodeJS.ErrnoException).code !== 'EPIPE')
      throw error;
  } finally {
    socket.destroy();
  }
  return text;
}

/** A TCP connection that sends a little and then nothing more. */
export async function halfOpen(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(bytes);
  return socket;
}

/** An engine.io connection by hand. */
export class RawSocket {
  readonly frames: string[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #waiters: { readonly matches: (frame: string) => boolean; readonly resolve: (frame: string) => void }[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data: RawData, binary: boolean) => {
      const frame = binary ? 'binary' : (data as Buffer).toString();
      // Engine.io's ping wants a pong.
      if (frame === '2') this.send('3');
      this.frames.push(frame);
      const due = this.#waiters.filter((waiter) => waiter.matches(frame));
      this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
      for (const waiter of due) waiter.resolve(frame);
    });
  }

  /** Opens the transport; given a user, it connects and authenticates, too. */
  static async open(port: number, userId?: string): Promise<RawSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    const raw = new RawSocket(socket);
    await within(
      raw.next((frame) => frame.startsWith('0{')),
      'the handshake',
    );
    if (userId !== undefined) {
      raw.send(`40${JSON.stringify({ token: tokenFor(userId) })}`);
      await raw.next((frame) => frame.startsWith('40'));
    }
    return raw;
  }

  send(frame: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** The first frame, old or new, that matches. */
  next(matches: (frame: string) => boolean): Promise<string> {
    const known = this.frames.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    const frame = new Promise<string>((resolve) => {
      this.#waiters.push({ matches, resolve });
    });
    return within(frame, 'a frame', generousMs);
  }

  /** Resolves when the server has dealt with all that was sent: it answered a request behind it, or closed. */
  async settled(): Promise<'answered' | 'closed'> {
    const id = 900_000 + this.frames.length;
    this.send(`42${id}["get_messages",{}]`);
    const answered = this.next((frame) => frame.startsWith(`43${id}[`)).then(() => 'answered' as const);
    return Promise.race([answered, this.closed.then(() => 'closed' as const)]);
  }

  close(): void {
    this.#socket.terminate();
  }
}
